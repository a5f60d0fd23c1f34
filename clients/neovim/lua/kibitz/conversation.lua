--- Conversations: Markdown documents of the server's that questions are sent from.
local options = require('kibitz.options')
local server = require('kibitz.server')

local M = {}

--- Whether a document is one by its name.
---@param uri string
---@return boolean
function M.is(uri)
  return vim.endswith(uri, '.kibitz.md')
end

--- Open one in a window of its own, with the cursor where the question goes.
---@param uri string
---@return boolean
function M.open(uri)
  local path = vim.uri_to_fname(uri)
  local window = vim.fn.bufwinid(vim.uri_to_bufnr(uri))
  if window ~= -1 then
    vim.api.nvim_set_current_win(window)
  elseif options.get().answer == 'vsplit' or vim.o.columns >= 140 then
    vim.cmd.vsplit({ path, mods = { split = 'botright' } })
  else
    vim.cmd.split({ path, mods = { split = 'belowright' } })
  end
  vim.api.nvim_win_set_cursor(0, { vim.api.nvim_buf_line_count(0), 0 })
  if vim.api.nvim_get_mode().mode == 'n' then
    vim.cmd.startinsert({ bang = true })
  end
  return true
end

--- Send the question at the end of a conversation.
---@param client vim.lsp.Client
---@param buffer integer
function M.send(client, buffer)
  server.flush(client)
  server.execute(client, 'kibitz.ask', { uri = vim.uri_from_bufnr(buffer) })
end

return M
