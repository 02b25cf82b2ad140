// SPDX-License-Identifier: Apache-2.0
package import TaskModel

/// How large the host is, and how busy.
package struct HostLoad: Sendable, Hashable {
    /// Share of the last ten seconds in which work stood still, in percent; proc_pressure: `some avg10`, for the disk
    /// `full avg10`.
    package struct Pressure: Sendable, Hashable {
        package var memory: Double
        package var processors: Double
        package var disk: Double

        package init(memory: Double = 0, processors: Double = 0, disk: Double = 0) {
            self.memory = memory
            self.processors = processors
            self.disk = disk
        }
    }

    package var size: TaskResources
    /// What can be had without taking it from anybody.
    package var availableMemory: Int
    package var availableDisk: Int
    /// Nil where the kernel does not say.
    package var pressure: Pressure?

    package init(size: TaskResources, availableMemory: Int, availableDisk: Int, pressure: Pressure? = nil) {
        self.size = size
        self.availableMemory = availableMemory
        self.availableDisk = availableDisk
        self.pressure = pressure
    }
}
