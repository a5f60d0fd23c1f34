--- Completions in the text, in grey, until they are taken or typed over.
---
--- Neovim 0.12 can show what comes as one types (`vim.lsp.inline_completion`); where the user has
--- switched that on, it does.  What is asked for with a key it cannot ask, so that is here.
local server = require('kibitz.server')

local M = {}

-- Typing asks only after so long without a key: each question is a message, and nobody reads what
-- stands there for less.  Higher: an automatic completion comes when one has gone on.
local QUIET_MILLISECONDS = 150
local INVOKED, AUTOMATIC = 1, 2 -- LSP's InlineCompletionTriggerKind

local NAMESPACE = vim.api.nvim_create_namespace('kibitz.completion')

---@class kibitz.Ghost what is shown, from the cursor on
---@field buffer integer
---@field client vim.lsp.Client
---@field row integer from 0
---@field column integer bytes, from 0
---@field text string
---@field command? lsp.Command to be run when all of it was taken

---@type kibitz.Ghost?
local ghost
--- What is being asked: for which place in which text, and how to call it off.
---@type { buffer: integer, tick: integer, row: integer, column: integer, cancel: fun() }?
local asking
local timer = assert(vim.uv.new_timer())

--- Whether Neovim shows automatic completions of a buffer itself.
---@param buffer integer
---@return boolean
local function is_native(buffer)
  local native = vim.lsp.inline_completion
  return native ~= nil and native.is_enabled({ bufnr = buffer })
end

local function clear()
  if ghost then
    if vim.api.nvim_buf_is_valid(ghost.buffer) then
      vim.api.nvim_buf_clear_namespace(ghost.buffer, NAMESPACE, 0, -1)
    end
    ghost = nil
  end
end

local function stop_asking()
  timer:stop()
  if asking then
    asking.cancel()
    asking = nil
  end
end

---@param text string
---@param buffer integer
---@return [string, string][]
local function chunk(text, buffer)
  -- A tab in virtual text has no width of its own.
  return { { (text:gsub('\t', (' '):rep(vim.bo[buffer].tabstop))), 'KibitzGhost' } }
end

local function draw()
  if not ghost then
    return
  end
  local buffer = ghost.buffer
  local lines = vim.split(ghost.text, '\n', { plain = true })
  local below = {}
  for index = 2, #lines do
    table.insert(below, chunk(lines[index], buffer))
  end
  vim.api.nvim_buf_clear_namespace(buffer, NAMESPACE, 0, -1)
  vim.api.nvim_buf_set_extmark(buffer, NAMESPACE, ghost.row, ghost.column, {
    virt_text = chunk(lines[1], buffer),
    virt_text_pos = 'inline',
    virt_lines = #below > 0 and below or nil,
    hl_mode = 'combine',
  })
end

---@return integer row from 0
---@return integer column
local function cursor()
  local place = vim.api.nvim_win_get_cursor(0)
  return place[1] - 1, place[2]
end

---@return boolean
local function is_inserting()
  return vim.api.nvim_get_mode().mode:sub(1, 1) == 'i'
end

--- The text of an item from the cursor on; nil when it does not go on from what stands there.
---@param item lsp.InlineCompletionItem
---@param client vim.lsp.Client
---@return string?
local function text_from_cursor(item, client)
  local text, range = item.insertText, item.range
  if type(text) ~= 'string' then
    return nil -- a snippet; kibitz sends none
  end
  text = text:gsub('\r\n?', '\n')
  if range then
    local row, column = cursor()
    local line = vim.api.nvim_get_current_line()
    local start = vim.str_byteindex(line, client.offset_encoding, range.start.character, false)
    local begun = line:sub(start + 1, column)
    if range.start.line ~= row or not vim.startswith(text, begun) then
      return nil
    end
    text = text:sub(#begun + 1)
  end
  return text ~= '' and text or nil
end

--- Whether the cursor and the text are as they were when a completion was asked for.
---@return boolean
local function is_still_asked()
  local row, column = cursor()
  return asking ~= nil
    and asking.buffer == vim.api.nvim_get_current_buf()
    and asking.tick == vim.api.nvim_buf_get_changedtick(asking.buffer)
    and asking.row == row
    and asking.column == column
    and is_inserting()
end

---@param client vim.lsp.Client
---@param buffer integer
---@param kind integer
local function request(client, buffer, kind)
  stop_asking()
  local row, column = cursor()
  local tick = vim.api.nvim_buf_get_changedtick(buffer)
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding) --[[@as table]]
  params.context = { triggerKind = kind }
  local mine = { buffer = buffer, tick = tick, row = row, column = column, cancel = function() end }
  asking = mine
  local sent, id = client:request('textDocument/inlineCompletion', params, function(err, result)
    local is_wanted = asking == mine and is_still_asked()
    if asking == mine then
      asking = nil
    end
    if not is_wanted then
      return
    end
    clear()
    local item = not err and result and (result.items or result)[1]
    local text = item and text_from_cursor(item, client)
    if text then
      ghost = { buffer = buffer, client = client, row = row, column = column, text = text }
      ghost.command = item.command
      draw()
    end
  end, buffer)
  if sent and id then
    mine.cancel = function()
      client:cancel_request(id)
    end
  end
end

--- Whether what stands between the ghost's place and the cursor is its own beginning; then it is
--- shown from the cursor on.
---@return boolean
local function typed_along()
  local row, column = cursor()
  if not ghost or ghost.buffer ~= vim.api.nvim_get_current_buf() or ghost.row ~= row then
    return false
  end
  if column < ghost.column then
    return false
  end
  local typed = vim.api.nvim_get_current_line():sub(ghost.column + 1, column)
  if not vim.startswith(ghost.text, typed) or typed == ghost.text then
    return false
  end
  if typed ~= '' then
    ghost.column, ghost.text = column, ghost.text:sub(#typed + 1)
    draw()
  end
  return true
end

---@param client vim.lsp.Client
---@param buffer integer
---@param has_text_changed boolean
local function moved(client, buffer, has_text_changed)
  if is_still_asked() then
    return -- of what was typed just before it was asked, Neovim tells only now
  elseif not is_native(buffer) and typed_along() then
    return
  end
  clear()
  stop_asking()
  if has_text_changed and not is_native(buffer) then
    timer:start(
      QUIET_MILLISECONDS,
      0,
      vim.schedule_wrap(function()
        if vim.api.nvim_get_current_buf() == buffer and is_inserting() then
          request(client, buffer, AUTOMATIC)
        end
      end)
    )
  end
end

--- Show completions in a buffer from now on.
---@param client vim.lsp.Client
---@param buffer integer
function M.attach(client, buffer)
  local group = vim.api.nvim_create_augroup('kibitz.completion.' .. buffer, {})
  vim.api.nvim_create_autocmd({ 'TextChangedI', 'CursorMovedI' }, {
    group = group,
    buffer = buffer,
    callback = function(event)
      moved(client, buffer, event.event == 'TextChangedI')
    end,
  })
  vim.api.nvim_create_autocmd({ 'InsertLeave', 'BufLeave' }, {
    group = group,
    buffer = buffer,
    callback = function()
      clear()
      stop_asking()
    end,
  })
end

--- Ask for a completion at the cursor, and show it.
function M.ask()
  local buffer = vim.api.nvim_get_current_buf()
  local client = server.attached(buffer)
  if not client then
    return
  elseif not client.server_capabilities.inlineCompletionProvider then
    local argument = server.about(client, buffer, server.cursor(client))
    return server.execute(client, 'kibitz.complete', argument)
  end
  clear()
  request(client, buffer, INVOKED)
  local row, column = cursor()
  vim.api.nvim_buf_set_extmark(buffer, NAMESPACE, row, column, {
    virt_text = { { ' …', 'KibitzGhost' } },
    virt_text_pos = 'inline',
  })
  ghost = { buffer = buffer, client = client, row = row, column = column, text = '' }
end

--- Put a part of what is shown into the text, later: a mapping with `expr` may not change it.
---@param part fun(text: string): string its beginning that is taken
---@return boolean is_shown
local function take(part)
  if not ghost or ghost.text == '' then
    local native = vim.lsp.inline_completion
    return native ~= nil and is_native(vim.api.nvim_get_current_buf()) and native.get()
  end
  vim.schedule(function()
    local row, column = cursor()
    if not ghost or ghost.row ~= row or ghost.column ~= column then
      return
    end
    local taken = part(ghost.text)
    local lines = vim.split(taken, '\n', { plain = true })
    vim.api.nvim_buf_set_text(ghost.buffer, row, column, row, column, lines)
    local last = row + #lines - 1
    local end_column = (#lines == 1 and column or 0) + #lines[#lines]
    ghost.row, ghost.column, ghost.text = last, end_column, ghost.text:sub(#taken + 1)
    vim.api.nvim_win_set_cursor(0, { last + 1, end_column })
    if ghost.text ~= '' then
      return draw()
    end
    local client, command = ghost.client, ghost.command
    clear()
    if command then
      server.execute(client, command.command, (command.arguments or {})[1])
    end
  end)
  return true
end

--- Take all of it.  False when nothing is shown, so that a mapping can do what its key does
--- otherwise.
---@return boolean
function M.accept()
  return take(function(text)
    return text
  end)
end

--- Take the next word, with what stands before it.
---@return boolean
function M.accept_word()
  return take(function(text)
    return text:match('^%s*[%w_\128-\255]+') or text:match('^%s*[^%w_%s\128-\255]+') or text
  end)
end

--- Take the rest of the line; where that is nothing, the next one.
---@return boolean
function M.accept_line()
  return take(function(text)
    return text:match('^\n*[^\n]+') or text
  end)
end

--- Show nothing any more; false when nothing was shown.
---@return boolean
function M.dismiss()
  local was_shown = ghost ~= nil
  clear()
  stop_asking()
  return was_shown
end

return M
