; What Go defines, uses and imports.

(function_declaration name: (identifier) @name) @function
(method_declaration name: (field_identifier) @name) @method
(type_spec name: (type_identifier) @name type: (struct_type (field_declaration_list) @body)) @struct
(type_spec name: (type_identifier) @name type: (interface_type)) @interface
(type_spec name: (type_identifier) @name) @type
(type_alias name: (type_identifier) @name) @type
(method_elem name: (field_identifier) @name) @method
(const_spec (identifier) @name) @variable
(var_spec (identifier) @name) @variable

(call_expression function: (identifier) @reference)
(selector_expression field: (field_identifier) @reference)
(type_identifier) @reference
(argument_list (identifier) @value)
(keyed_element value: (literal_element (identifier) @value))
(binary_expression (identifier) @value)
(return_statement (expression_list (identifier) @value))

(import_spec path: (_) @import)
