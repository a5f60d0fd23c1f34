; What Swift defines, uses and imports.

(class_declaration "class" name: (type_identifier) @name) @class
(class_declaration "actor" name: (type_identifier) @name) @class
(class_declaration "struct" name: (type_identifier) @name) @struct
(class_declaration "enum" name: (type_identifier) @name) @enum
(class_declaration "extension" name: (user_type (type_identifier) @name)) @extension
(protocol_declaration name: (type_identifier) @name) @interface
(function_declaration name: (simple_identifier) @name) @function
(init_declaration "init" @name) @method
(protocol_function_declaration name: (simple_identifier) @name) @method
(typealias_declaration name: (type_identifier) @name) @type
(enum_entry name: (simple_identifier) @name) @field
(source_file
  (property_declaration name: (pattern bound_identifier: (simple_identifier) @name)) @variable)
(class_body
  (property_declaration name: (pattern bound_identifier: (simple_identifier) @name)) @field)
(protocol_property_declaration
  name: (pattern bound_identifier: (simple_identifier) @name)) @field

(call_expression (simple_identifier) @reference)
(navigation_suffix suffix: (simple_identifier) @reference)
(navigation_expression target: (simple_identifier) @value)
(user_type (type_identifier) @reference)
(value_argument value: (simple_identifier) @value)

(import_declaration (identifier) @import)
