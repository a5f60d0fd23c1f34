; What Elixir defines, uses and imports: all of it calls, told apart by their names.

(call target: (identifier) @keyword (arguments . (alias) @name) (do_block)? @body) @definition
(call
  target: (identifier) @keyword
  (arguments . [
    (identifier) @name
    (call target: (identifier) @name)
    (binary_operator left: (call target: (identifier) @name))
    (binary_operator left: (identifier) @name)
  ])
  (do_block)? @body) @definition
(call target: (identifier) @keyword (arguments . (alias) @import))
(unary_operator operator: "@" operand: (call target: (identifier) @name)) @field

(call target: (identifier) @reference)
(call target: (dot right: (identifier) @reference))
(alias) @reference
