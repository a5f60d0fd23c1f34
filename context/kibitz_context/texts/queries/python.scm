; What Python defines, uses and imports.

(function_definition name: (identifier) @name) @function
(class_definition name: (identifier) @name) @class
(type_alias_statement left: (type (identifier) @name)) @type
(module (expression_statement (assignment left: (identifier) @name) @variable))
(class_definition
  body: (block (expression_statement (assignment left: (identifier) @name) @field)))

(call function: (identifier) @reference)
(attribute attribute: (identifier) @reference)
(type (identifier) @reference)
(type (generic_type (identifier) @reference))
(decorator (identifier) @reference)
(class_definition superclasses: (argument_list (identifier) @reference))
(except_clause (identifier) @reference)
(argument_list (identifier) @value)
(keyword_argument value: (identifier) @value)
(import_from_statement name: (dotted_name (identifier) @reference))
(import_from_statement name: (aliased_import name: (dotted_name (identifier) @reference)))

(import_statement name: (dotted_name) @import)
(import_statement name: (aliased_import name: (dotted_name) @import))
(import_from_statement module_name: (_) @import)
