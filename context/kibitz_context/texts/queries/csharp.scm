; What C# defines, uses and imports.

(class_declaration name: (identifier) @name) @class
(struct_declaration name: (identifier) @name) @struct
(record_declaration name: (identifier) @name) @class
(interface_declaration name: (identifier) @name) @interface
(enum_declaration name: (identifier) @name) @enum
(enum_member_declaration name: (identifier) @name) @field
(delegate_declaration name: (identifier) @name) @type
(method_declaration name: (identifier) @name) @method
(constructor_declaration name: (identifier) @name) @method
(local_function_statement name: (identifier) @name) @function
(property_declaration name: (identifier) @name accessors: (_) @body) @field
(property_declaration name: (identifier) @name) @field
(field_declaration (variable_declaration (variable_declarator name: (identifier) @name))) @field
(event_field_declaration
  (variable_declaration (variable_declarator name: (identifier) @name))) @field
(namespace_declaration name: (_) @name) @module

(invocation_expression function: (identifier) @reference)
(invocation_expression function: (generic_name (identifier) @reference))
(member_access_expression name: (identifier) @reference)
(member_access_expression name: (generic_name (identifier) @reference))
(member_access_expression expression: (identifier) @value)
(conditional_access_expression (member_binding_expression name: (identifier) @reference))
(object_creation_expression type: (identifier) @reference)
(base_list (identifier) @reference)
(attribute name: (identifier) @reference)
(generic_name (identifier) @reference)
(type_argument_list (identifier) @reference)
(nullable_type (identifier) @reference)
(array_type (identifier) @reference)
(method_declaration returns: (identifier) @reference)
(property_declaration type: (identifier) @reference)
(parameter type: (identifier) @reference)
(variable_declaration type: (identifier) @reference)
(cast_expression type: (identifier) @reference)
(argument (identifier) @value)

(using_directive [(qualified_name) (identifier)] @import .)
