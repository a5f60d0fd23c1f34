; What an interface of OCaml declares, uses and opens.

(value_specification (value_name) @name) @function
(external (value_name) @name) @function
(type_binding name: (type_constructor) @name) @type
(constructor_declaration (constructor_name) @name) @field
(module_binding (module_name) @name) @module
(module_type_definition (module_type_name) @name) @interface
(method_specification (method_name) @name) @method

(extended_module_path (module_name) @reference)
(type_constructor_path (type_constructor) @reference)

(open_module_signature module: (_) @import)
(include_module_type (_) @import)
