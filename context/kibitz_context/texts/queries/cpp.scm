; What C++ (and a header, of which nobody knows whose it is) defines, uses and includes.

(function_definition
  declarator: (function_declarator
    declarator: [
      (identifier) @name
      (field_identifier) @name
      (operator_name) @name
      (destructor_name) @name
      (qualified_identifier name: (identifier) @name)
      (qualified_identifier name: (destructor_name) @name)
      (qualified_identifier name: (operator_name) @name)
      (qualified_identifier name: (qualified_identifier name: (identifier) @name))
    ])) @function
(function_definition
  declarator: (_
    (function_declarator
      declarator: [
        (identifier) @name
        (field_identifier) @name
        (operator_name) @name
        (qualified_identifier name: (identifier) @name)
        (qualified_identifier name: (qualified_identifier name: (identifier) @name))
      ]))) @function
(declaration
  declarator: (function_declarator
    declarator: [(identifier) @name (destructor_name) @name])) @function
(declaration
  declarator: (_ (function_declarator declarator: (identifier) @name))) @function
(field_declaration
  declarator: (function_declarator
    declarator: [(field_identifier) @name (operator_name) @name])) @function
(field_declaration
  declarator: (_
    (function_declarator declarator: [(field_identifier) @name (operator_name) @name]))) @function
(class_specifier name: (type_identifier) @name body: (_)) @class
(struct_specifier name: (type_identifier) @name body: (_)) @struct
(union_specifier name: (type_identifier) @name body: (_)) @struct
(enum_specifier name: (type_identifier) @name body: (_)) @enum
(namespace_definition name: (_) @name) @module
(concept_definition name: (identifier) @name) @type
(alias_declaration name: (type_identifier) @name) @type
(type_definition type: (_ body: (_) @body) declarator: (type_identifier) @name) @type
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
(declaration_list
  (declaration declarator: (init_declarator declarator: (identifier) @name)) @variable)

(call_expression function: (identifier) @reference)
(call_expression function: (template_function name: (identifier) @reference))
(qualified_identifier name: (identifier) @reference)
(qualified_identifier scope: (namespace_identifier) @value)
(field_expression field: (field_identifier) @reference)
(type_identifier) @reference
(argument_list (identifier) @value)
(argument_list (pointer_expression argument: (identifier) @value))
(initializer_list (identifier) @value)
(identifier) @constant

(preproc_include path: (_) @import)
