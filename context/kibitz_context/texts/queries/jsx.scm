; The components that JSX uses, beside what JavaScript or TypeScript does.

(jsx_opening_element name: (identifier) @reference)
(jsx_self_closing_element name: (identifier) @reference)
(jsx_expression (identifier) @value)
