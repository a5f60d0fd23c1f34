; What PHP defines, uses and imports.

(class_declaration name: (name) @name) @class
(interface_declaration name: (name) @name) @interface
(trait_declaration name: (name) @name) @trait
(enum_declaration name: (name) @name) @enum
(enum_case name: (name) @name) @field
(function_definition name: (name) @name) @function
(method_declaration name: (name) @name) @method
(const_element . (name) @name) @variable
(property_element name: (variable_name (name) @name)) @field

(function_call_expression function: (name) @reference)
(function_call_expression function: (qualified_name (name) @reference))
(member_call_expression name: (name) @reference)
(nullsafe_member_call_expression name: (name) @reference)
(scoped_call_expression name: (name) @reference)
(scoped_call_expression scope: (name) @reference)
(member_access_expression name: (name) @reference)
(class_constant_access_expression (name) @reference)
(object_creation_expression (name) @reference)
(object_creation_expression (qualified_name (name) @reference))
(named_type (name) @reference)
(named_type (qualified_name (name) @reference))
(base_clause (name) @reference)
(class_interface_clause (name) @reference)
(use_declaration (name) @reference)
(attribute (name) @reference)
(argument (name) @value)

(namespace_use_clause . (qualified_name (name) @reference))
(namespace_use_clause . (qualified_name) @import)
(namespace_use_clause . (name) @reference)
(namespace_use_declaration (namespace_name) @import)
(require_once_expression (_) @import)
(require_expression (_) @import)
(include_once_expression (_) @import)
(include_expression (_) @import)
