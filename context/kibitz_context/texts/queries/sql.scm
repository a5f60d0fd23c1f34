; What SQL creates and refers to.

(create_table (object_reference name: (identifier) @name)) @struct
(create_view (object_reference name: (identifier) @name)) @struct
(create_materialized_view (object_reference name: (identifier) @name)) @struct
(create_function (object_reference name: (identifier) @name)) @function
(create_type (object_reference name: (identifier) @name)) @type
(create_index column: (identifier) @name) @variable
(create_trigger (object_reference name: (identifier) @name)) @function
(column_definition name: (identifier) @name) @field

(object_reference name: (identifier) @reference)
(field name: (identifier) @reference)
(invocation (object_reference name: (identifier) @reference))
