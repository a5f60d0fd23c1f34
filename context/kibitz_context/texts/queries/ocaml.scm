; What OCaml defines, uses and opens.

(value_definition (let_binding pattern: (value_name) @name (parameter)) @function)
(compilation_unit (value_definition (let_binding pattern: (value_name) @name) @variable))
(structure (value_definition (let_binding pattern: (value_name) @name) @variable))
(value_specification (value_name) @name) @function
(external (value_name) @name) @function
(type_binding name: (type_constructor) @name) @type
(constructor_declaration (constructor_name) @name) @field
(module_binding (module_name) @name) @module
(module_type_definition (module_type_name) @name) @interface
(class_binding (class_name) @name) @class
(method_definition (method_name) @name) @method

(value_path (value_name) @reference)
(constructor_path (constructor_name) @reference)
(module_path (module_name) @reference)
(type_constructor_path (type_constructor) @reference)
(method_invocation (method_name) @reference)
(field_path (field_name) @reference)

(open_module module: (_) @import)
(include_module (_) @import)
