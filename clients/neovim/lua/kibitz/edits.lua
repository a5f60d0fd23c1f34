--- Edits of the server's: against the version they were made for, or not at all, and honestly
--- answered.  Neovim itself drops a stale edit and says that it was applied.
local hunks = require('kibitz.hunks')
local server = require('kibitz.server')
local undo = require('kibitz.undo')

local M = {}

---@class kibitz.ApplyEditParams
---@field edit lsp.WorkspaceEdit
---@field undo 'start'|'continue'|'end'

--- Why an edit of a document cannot be applied to its buffer; nil when it can.
---@param buffer integer
---@param version? integer
---@return string?
local function obstacle(buffer, version)
  local known = vim.lsp.util.buf_versions[buffer] or 0
  if version and known > version then
    return ('the buffer is newer (%d) than the edit (%d)'):format(known, version)
  elseif vim.api.nvim_buf_is_loaded(buffer) and not vim.bo[buffer].modifiable then
    return 'the buffer is not modifiable'
  end
end

--- Refuse an edit; the server hears what it has missed before it hears that.
---@param client vim.lsp.Client
---@param reason string
---@return lsp.ApplyWorkspaceEditResult
local function refused(client, reason)
  server.flush(client)
  return { applied = false, failureReason = reason }
end

--- Apply one edit.  Lines that are only put in are put in as lines: so that what Neovim saves for
--- undo is nothing of the lines beside them, in which somebody may be typing.
---@param buffer integer
---@param edit lsp.TextEdit
---@param encoding 'utf-8'|'utf-16'|'utf-32'
local function apply_one(buffer, edit, encoding)
  local from, to = edit.range.start, edit.range['end']
  local is_put_in = from.character == 0
    and from.line == to.line
    and to.character == 0
    and from.line <= vim.api.nvim_buf_line_count(buffer)
    and vim.endswith(edit.newText, '\n')
  if is_put_in then
    local lines = vim.split(edit.newText:sub(1, -2):gsub('\r\n?', '\n'), '\n', { plain = true })
    vim.api.nvim_buf_set_lines(buffer, from.line, from.line, true, lines)
  else
    vim.lsp.util.apply_text_edits({ edit }, buffer, encoding)
  end
end

--- `kibitz/applyEdit`: one edit of a stream, all of which are one undo step.
---@param params kibitz.ApplyEditParams
---@param context lsp.HandlerContext
---@return lsp.ApplyWorkspaceEditResult
function M.apply_streamed(_, params, context)
  local client = assert(vim.lsp.get_client_by_id(context.client_id))
  local change = params.edit.documentChanges[1] --[[@as lsp.TextDocumentEdit]]
  local buffer = vim.uri_to_bufnr(change.textDocument.uri)
  if params.undo == 'end' then
    undo.finish(buffer)
    hunks.written(buffer)
    return { applied = true }
  elseif not vim.lsp.buf_is_attached(buffer, client.id) then
    return refused(client, 'the document is not open')
  end
  local reason = obstacle(buffer, change.textDocument.version)
  if reason then
    return refused(client, reason)
  end
  local ok, failure = pcall(undo.apply, buffer, params.undo, function()
    -- From the bottom up, so that each stands where its lines are.
    for index = #change.edits, 1, -1 do
      apply_one(buffer, change.edits[index], client.offset_encoding)
    end
  end)
  if not ok then
    return refused(client, tostring(failure))
  end
  hunks.writing(buffer, change.edits)
  server.flush(client) -- the text proves the edit; sent at once, it sets the pace
  return { applied = true }
end

--- `workspace/applyEdit`: as Neovim's own, but all of it or nothing, with a true answer, and
--- without the label, of which a long one makes the editor wait for Enter.
---@param params lsp.ApplyWorkspaceEditParams
---@param context lsp.HandlerContext
---@return lsp.ApplyWorkspaceEditResult
function M.apply(_, params, context)
  local client = assert(vim.lsp.get_client_by_id(context.client_id))
  for _, change in ipairs(params.edit.documentChanges or {}) do
    if change.textDocument then
      local buffer = vim.uri_to_bufnr(change.textDocument.uri)
      local reason = obstacle(buffer, change.textDocument.version)
      if reason then
        return refused(client, ('%s: %s'):format(change.textDocument.uri, reason))
      end
    end
  end
  local ok, failure = pcall(vim.lsp.util.apply_workspace_edit, params.edit, client.offset_encoding)
  if not ok then
    return refused(client, tostring(failure))
  end
  for _, change in ipairs(params.edit.documentChanges or {}) do
    if change.textDocument then
      hunks.was_edited(vim.uri_to_bufnr(change.textDocument.uri))
    end
  end
  server.flush(client)
  return { applied = true }
end

return M
