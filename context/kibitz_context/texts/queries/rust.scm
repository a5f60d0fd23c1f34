; What Rust defines, uses and imports.

(function_item name: (identifier) @name) @function
(function_signature_item name: (identifier) @name) @function
(struct_item name: (type_identifier) @name) @struct
(enum_item name: (type_identifier) @name) @enum
(union_item name: (type_identifier) @name) @struct
(trait_item name: (type_identifier) @name) @trait
(impl_item type: (type_identifier) @name) @extension
(impl_item type: (generic_type type: (type_identifier) @name)) @extension
(impl_item type: (scoped_type_identifier name: (type_identifier) @name)) @extension
(mod_item name: (identifier) @name body: (_)) @module
(type_item name: (type_identifier) @name) @type
(const_item name: (identifier) @name) @variable
(static_item name: (identifier) @name) @variable
(macro_definition name: (identifier) @name) @macro

(call_expression function: (identifier) @reference)
(call_expression function: (generic_function function: (identifier) @reference))
(scoped_identifier name: (identifier) @reference)
(scoped_identifier path: (identifier) @value)
(field_expression field: (field_identifier) @reference)
(macro_invocation macro: (identifier) @reference)
(attribute (identifier) @reference)
(type_identifier) @reference
(use_list (identifier) @reference)
(use_as_clause path: (identifier) @reference)
(arguments (identifier) @value)
(token_tree (identifier) @value)

(use_declaration argument: (_) @import)
(mod_item name: (identifier) @import !body)
