--- What a user's configuration calls.  Nothing has to be called: `vim.lsp.enable('kibitz')` is all
--- that is needed.
local M = {}

--- The same as setting `vim.g.kibitz`, for plugin managers that call a function; before
--- `vim.lsp.enable('kibitz')`.
---@param options? kibitz.Options
function M.setup(options)
  vim.g.kibitz = options or vim.empty_dict()
end

--- A line for a status line: what is running, and what was spent today.  "" until kibitz runs.
---@return string
function M.status()
  return require('kibitz.status').line()
end

--- Take the completion that is shown; false when none is, so that a mapping can do what its key
--- does otherwise.
---@return boolean
function M.accept()
  return require('kibitz.completion').accept()
end

--- Take its next word.
---@return boolean
function M.accept_word()
  return require('kibitz.completion').accept_word()
end

--- Take the rest of its line.
---@return boolean
function M.accept_line()
  return require('kibitz.completion').accept_line()
end

--- Show it no more; false when none is shown.
---@return boolean
function M.dismiss()
  return require('kibitz.completion').dismiss()
end

return M
