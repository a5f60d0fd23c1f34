-- kibitz in Neovim 0.11 and newer: `vim.lsp.enable('kibitz')` is all that is needed.
-- Whatever you set with `vim.lsp.config('kibitz', { … })` goes before what stands here.

---@type vim.lsp.Config
return {
  cmd = { 'kibitz', 'serve' },
  -- No `filetypes`: kibitz reads any language.
  root_markers = { '.kibitz.toml', '.git' },
}
