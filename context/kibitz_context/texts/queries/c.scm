; What C defines, uses and includes.

(function_definition
  declarator: (function_declarator declarator: (identifier) @name)) @function
(function_definition
  declarator: (pointer_declarator
    declarator: (function_declarator declarator: (identifier) @name))) @function
(function_definition
  declarator: (pointer_declarator
    declarator: (pointer_declarator
      declarator: (function_declarator declarator: (identifier) @name)))) @function
(declaration declarator: (function_declarator declarator: (identifier) @name)) @function
(declaration
  declarator: (pointer_declarator
    declarator: (function_declarator declarator: (identifier) @name))) @function
(struct_specifier name: (type_identifier) @name body: (_)) @struct
(union_specifier name: (type_identifier) @name body: (_)) @struct
(enum_specifier name: (type_identifier) @name body: (_)) @enum
(type_definition
  type: (_ body: (_) @body) declarator: (type_identifier) @name) @type
(type_definition declarator: (type_identifier) @name) @type
(type_definition
  declarator: (function_declarator
    declarator: (parenthesized_declarator
      (pointer_declarator declarator: (type_identifier) @name)))) @type
(enumerator name: (identifier) @name) @field
(preproc_def name: (identifier) @name) @macro
(preproc_function_def name: (identifier) @name) @macro
(translation_unit
  (declaration declarator: (init_declarator declarator: (identifier) @name)) @variable)
(translation_unit
  (declaration
    declarator: (init_declarator
      declarator: (array_declarator declarator: (identifier) @name))) @variable)
(translation_unit
  (declaration
    declarator: (init_declarator
      declarator: (pointer_declarator declarator: (identifier) @name))) @variable)
(translation_unit
  (declaration
    declarator: (init_declarator
      declarator: (pointer_declarator
        declarator: (array_declarator declarator: (identifier) @name)))) @variable)
(translation_unit (declaration declarator: (identifier) @name) @variable)

(call_expression function: (identifier) @reference)
(field_expression field: (field_identifier) @reference)
(type_identifier) @reference
(argument_list (identifier) @value)
(argument_list (pointer_expression argument: (identifier) @value))
(initializer_list (identifier) @value)
(initializer_pair value: (identifier) @value)
(identifier) @constant

(preproc_include path: (_) @import)
