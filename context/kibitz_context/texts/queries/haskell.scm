; What Haskell defines, uses and imports.

(data_type name: (name) @name) @type
(newtype name: (name) @name) @type
(type_synonym name: (name) @name) @type
(class name: (name) @name) @trait
(instance name: (name) @name) @extension
(data_constructor (prefix name: (constructor) @name)) @field
(data_constructor (record name: (constructor) @name)) @field
(newtype_constructor name: (constructor) @name) @field
(signature name: (variable) @name) @function
(declarations (function name: (variable) @name) @function)
(declarations (bind name: (variable) @name) @variable)

(apply function: (variable) @reference)
(apply argument: (variable) @value)
(infix (variable) @value)
(qualified id: (variable) @reference)
(qualified id: (constructor) @reference)
(constructor) @reference
(name) @reference
(import_name (variable) @reference)

(import module: (module) @import)
