; What Java defines, uses and imports.

(class_declaration name: (identifier) @name) @class
(interface_declaration name: (identifier) @name) @interface
(enum_declaration name: (identifier) @name) @enum
(record_declaration name: (identifier) @name) @class
(annotation_type_declaration name: (identifier) @name) @interface
(method_declaration name: (identifier) @name) @method
(constructor_declaration name: (identifier) @name) @method
(compact_constructor_declaration name: (identifier) @name) @method
(annotation_type_element_declaration name: (identifier) @name) @method
(field_declaration declarator: (variable_declarator name: (identifier) @name)) @field
(constant_declaration declarator: (variable_declarator name: (identifier) @name)) @field
(enum_constant name: (identifier) @name) @field

(method_invocation name: (identifier) @reference)
(method_invocation object: (identifier) @value)
(method_reference (identifier) @reference)
(field_access field: (identifier) @reference)
(field_access object: (identifier) @value)
(type_identifier) @reference
(marker_annotation name: (identifier) @reference)
(annotation name: (identifier) @reference)
(argument_list (identifier) @value)
(import_declaration (scoped_identifier name: (identifier) @reference))

(import_declaration (_) @import)
