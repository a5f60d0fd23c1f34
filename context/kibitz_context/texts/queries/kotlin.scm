; What Kotlin defines, uses and imports.

(class_declaration "interface" name: (identifier) @name) @interface
(class_declaration (modifiers (class_modifier "enum")) name: (identifier) @name) @enum
(class_declaration name: (identifier) @name) @class
(object_declaration name: (identifier) @name) @object
(function_declaration name: (identifier) @name) @function
(type_alias type: (identifier) @name) @type
(source_file (property_declaration (variable_declaration (identifier) @name)) @variable)
(class_body (property_declaration (variable_declaration (identifier) @name)) @field)
(enum_entry (identifier) @name) @field

(call_expression (identifier) @reference)
(navigation_expression (_) (identifier) @reference)
(navigation_expression . (identifier) @value)
(user_type (identifier) @reference)
(value_argument (identifier) @value)

(import (qualified_identifier (identifier) @reference .))
(import (qualified_identifier) @import)
