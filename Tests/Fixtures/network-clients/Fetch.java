// SPDX-License-Identifier: Apache-2.0
import java.net.InetAddress;
import java.net.URI;

/** Fetches one address with what every Java program uses. */
public class Fetch {
    public static void main(String[] arguments) throws Exception {
        URI address = URI.create(arguments[0]);
        InetAddress.getAllByName(address.getHost());
        System.out.write(address.toURL().openStream().readAllBytes());
        System.out.flush();
    }
}
