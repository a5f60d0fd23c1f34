; What Zig defines, uses and imports.

(function_declaration name: (identifier) @name) @function
(variable_declaration (identifier) @name (struct_declaration) @body) @struct
(variable_declaration (identifier) @name (union_declaration) @body) @struct
(variable_declaration (identifier) @name (enum_declaration) @body) @enum
(variable_declaration (identifier) @name (error_set_declaration)) @enum
(source_file (variable_declaration . (identifier) @name) @variable)
(source_file (variable_declaration "pub" . (identifier) @name) @variable)
(struct_declaration (variable_declaration (identifier) @name) @field)

(call_expression function: (identifier) @reference)
(field_expression member: (identifier) @reference)
(field_expression object: (identifier) @value)
(parameter type: (identifier) @reference)
(struct_initializer (identifier) @reference)
(call_expression (identifier) @value)

(builtin_function (builtin_identifier) @keyword (arguments . (string) @import))
