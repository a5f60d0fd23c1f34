; What Scala defines, uses and imports.

(class_definition name: (identifier) @name) @class
(trait_definition name: (identifier) @name) @trait
(object_definition name: (identifier) @name) @object
(enum_definition name: (identifier) @name) @enum
(simple_enum_case name: (identifier) @name) @field
(full_enum_case name: (identifier) @name) @field
(function_definition name: (identifier) @name) @function
(function_declaration name: (identifier) @name) @function
(type_definition name: (type_identifier) @name) @type
(given_definition name: (identifier) @name) @variable
(compilation_unit (val_definition pattern: (identifier) @name) @variable)
(template_body (val_definition pattern: (identifier) @name) @field)
(template_body (var_definition pattern: (identifier) @name) @field)
(template_body (val_declaration name: (identifier) @name) @field)

(call_expression function: (identifier) @reference)
(generic_function function: (identifier) @reference)
(field_expression field: (identifier) @reference)
(field_expression value: (identifier) @value)
(infix_expression operator: (identifier) @reference)
(type_identifier) @reference
(arguments (identifier) @value)
(namespace_selectors (identifier) @reference)
(arrow_renamed_identifier name: (identifier) @reference)

(import_declaration) @import
