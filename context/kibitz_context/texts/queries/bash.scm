; What shell scripts define, use and source.

(function_definition name: (word) @name) @function
(program (variable_assignment name: (variable_name) @name) @variable)
(program (declaration_command (variable_assignment name: (variable_name) @name)) @variable)

(command name: (command_name (word) @reference))
(simple_expansion (variable_name) @constant)
(expansion (variable_name) @constant)

(command name: (command_name) @keyword . argument: [(word) (string) (concatenation)] @import)
