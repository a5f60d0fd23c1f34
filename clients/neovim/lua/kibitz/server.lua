--- The running server, as the rest of the plugin needs it: commands, and places in its terms.
local say = require('kibitz.say')

local M = {}

---@class kibitz.Argument what a command takes; docs/protocol.md has all of it
---@field uri? string
---@field range? lsp.Range
---@field version? integer
---@field instruction? string
---@field job? string
---@field hunk? integer

--- The kibitz of a buffer; of any when the buffer has none.
---@param buffer? integer
---@return vim.lsp.Client?
function M.client(buffer)
  local here = vim.lsp.get_clients({ name = 'kibitz', bufnr = buffer or 0 })[1]
  return here or vim.lsp.get_clients({ name = 'kibitz' })[1]
end

--- The kibitz that knows a buffer; without one the user is told.
---@param buffer integer
---@return vim.lsp.Client?
function M.attached(buffer)
  local client = vim.lsp.get_clients({ name = 'kibitz', bufnr = buffer })[1]
  if not client then
    say.tell('not running for this buffer; see `:checkhealth kibitz`', vim.log.levels.WARN)
  end
  return client
end

--- Run a command of the server's; a refusal is told to the user.
---@param client vim.lsp.Client
---@param command string
---@param argument? kibitz.Argument
---@param on_answer? fun(result: table)
function M.execute(client, command, argument, on_answer)
  if argument and next(argument) == nil then
    argument = vim.empty_dict() -- an empty table would be sent as a list
  end
  local params = { command = command, arguments = { argument } }
  client:request('workspace/executeCommand', params, function(err, result)
    if err then
      say.tell(err.message, vim.log.levels.ERROR)
    elseif on_answer then
      on_answer(type(result) == 'table' and result or {})
    end
  end, vim.api.nvim_get_current_buf())
end

--- An argument about a buffer as it is now; the server refuses it when the text is newer.
---@param client vim.lsp.Client
---@param buffer integer
---@param range? lsp.Range
---@return kibitz.Argument
function M.about(client, buffer, range)
  -- The server has to have heard of this version before it is asked about it.
  M.flush(client)
  return {
    uri = vim.uri_from_bufnr(buffer),
    range = range,
    version = vim.lsp.util.buf_versions[buffer],
  }
end

--- Send what Neovim holds back of `didChange`: any notification makes it do so first.
---@param client vim.lsp.Client
function M.flush(client)
  client:notify('$/setTrace', { value = 'off' })
end

--- The cursor as an empty range, which means the definition around it.
---@param client vim.lsp.Client
---@return lsp.Range
function M.cursor(client)
  local at = vim.lsp.util.make_position_params(0, client.offset_encoding).position
  return { start = at, ['end'] = at }
end

--- Whole lines, 1-based and both included, as a range.
---@param client vim.lsp.Client
---@param buffer integer
---@param first integer
---@param last integer
---@return lsp.Range
function M.lines(client, buffer, first, last)
  local stop = { line = last, character = 0 }
  if last >= vim.api.nvim_buf_line_count(buffer) then
    local text = vim.api.nvim_buf_get_lines(buffer, last - 1, last, true)[1]
    stop = { line = last - 1, character = vim.str_utfindex(text, client.offset_encoding) }
  end
  return { start = { line = first - 1, character = 0 }, ['end'] = stop }
end

--- Stop a job by its own progress, as a click on it does elsewhere.
---@param client vim.lsp.Client
---@param job string
function M.cancel(client, job)
  client:notify('window/workDoneProgress/cancel', { token = job })
end

return M
