-- kibitz in Neovim 0.11 and newer: `vim.lsp.enable('kibitz')` is all that is needed.
-- Whatever you set with `vim.lsp.config('kibitz', { … })` goes before what stands here.

return require('kibitz.lsp').config()
