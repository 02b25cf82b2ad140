// SPDX-License-Identifier: Apache-2.0
void _start(void) { for (;;) {} }
int main(void) { return 0; }
