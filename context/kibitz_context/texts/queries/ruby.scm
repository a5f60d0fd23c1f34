; What Ruby defines, uses and requires.

(class name: (constant) @name) @class
(class name: (scope_resolution name: (constant) @name)) @class
(module name: (constant) @name) @module
(module name: (scope_resolution name: (constant) @name)) @module
(method name: (_) @name) @function
(singleton_method name: (_) @name) @function
(assignment left: (constant) @name) @variable

(call method: (identifier) @reference)
(call method: (constant) @reference)
(constant) @reference
(body_statement (identifier) @value)

(call method: (identifier) @keyword arguments: (argument_list . (string) @import))
