std = "luajit"
read_globals = { "vim" }
-- Options and variables of the editor are written.
globals = { "vim.bo", "vim.b", "vim.g", "vim.o", "vim.wo", "vim.w" }
max_line_length = 100
