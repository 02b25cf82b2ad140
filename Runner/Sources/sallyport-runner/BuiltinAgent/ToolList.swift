// SPDX-License-Identifier: Apache-2.0

/// The tools that the model is told of. Their texts are part of every request: a change of one ends the use of old records.
package enum ToolList {
    package struct Tool: Sendable {
        package let name: String
        package let description: String
        package let schema: JSONTree
    }

    package static let all: [Tool] = [
        Tool(
            name: "read",
            description: "Shows a text file, each line with its number and a tab before it. Long files come in parts.",
            schema: object(
                ["path"], ("path", "string", "File, relative to the top directory of the clone"),
                ("first_line", "integer", "First line to show; 1 if not said"),
                ("lines", "integer", "How many lines; 500 if not said"))),
        Tool(
            name: "write",
            description: "Makes a file, or replaces all of it. Directories on the way are made.",
            schema: object(
                ["path", "content"], ("path", "string", "File, relative to the top directory of the clone"),
                ("content", "string", "The whole new content"))),
        Tool(
            name: "edit",
            description: """
                Replaces one piece of a file. The old text must stand in the file exactly once, to the byte and without line \
                numbers; add lines around it until it does.
                """,
            schema: object(
                ["path", "old", "new"], ("path", "string", "File, relative to the top directory of the clone"),
                ("old", "string", "The text that stands there now"), ("new", "string", "The text to put there"))),
        Tool(
            name: "list",
            description: "Lists a directory and what is below it. Directories end in a slash; .git is left out.",
            schema: object(
                [], ("path", "string", "Directory; the top directory of the clone if not said"),
                ("depth", "integer", "How many levels, 1 to 5; 2 if not said"))),
        Tool(
            name: "search",
            description:
                "Finds the lines of text files that contain a text, as file:line: text. No patterns; case counts.",
            schema: object(
                ["text"], ("text", "string", "What the lines contain"),
                ("path", "string", "File or directory to look in; the whole clone if not said"))),
        Tool(
            name: "run",
            description: """
                Runs a command with /bin/sh in the top directory of the clone and shows its output and exit status. Nothing can \
                be typed in. Each command starts anew; processes that it leaves behind are ended with it. Of long output only \
                beginning and end are shown.
                """,
            schema: object(
                ["command"], ("command", "string", "The command line"),
                ("timeout_seconds", "integer", "Ends the command after that time, 1 to 600; 120 if not said"))),
    ]

    private static func object(
        _ required: [String], _ properties: (name: String, type: String, description: String)...
    ) -> JSONTree {
        .object([
            .init("type", .string("object")),
            .init(
                "properties",
                .object(
                    properties.map { property in
                        .init(
                            property.name,
                            .object([
                                .init("type", .string(property.type)),
                                .init("description", .string(property.description)),
                            ]))
                    })),
            .init("required", .array(required.map { .string($0) })), .init("additionalProperties", .bool(false)),
        ])
    }

    /// How much of a request they are, about.
    static let bytes = all.reduce(0) { $0 + $1.description.utf8.count + $1.schema.text.count + 100 }
}
