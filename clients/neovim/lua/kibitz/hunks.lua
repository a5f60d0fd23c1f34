--- What kibitz has written, marked in the text until somebody keeps it or takes it back.
---
--- The server knows what was changed and where it stands now; it says so with its code lenses, each
--- time they are asked for.  Between two answers the marks move with the text.
local options = require('kibitz.options')
local say = require('kibitz.say')
local server = require('kibitz.server')

local M = {}

---@class kibitz.Hunk
---@field first integer the first line, from 0
---@field stop integer the line after the last one
---@field removed string[] what stood there before
---@field argument kibitz.Argument what `kibitz.keep` and `kibitz.revert` take for it

local WRITING = vim.api.nvim_create_namespace('kibitz.writing')
local WRITTEN = vim.api.nvim_create_namespace('kibitz.hunks')
local MOST_REMOVED_LINES = 30 -- shown of one change; more would push the text out of the window
local WIDEST = 400 -- columns, to which what was removed is filled up

--- Buffers that kibitz has edited; others are not asked about.
---@type table<integer, true>
local edited = {}

--- The hunks that are marked, by buffer, with their marks.
---@type table<integer, { mark: integer, hunk: kibitz.Hunk }[]>
local marked = {}

vim.api.nvim_create_autocmd('BufWipeout', {
  group = vim.api.nvim_create_augroup('kibitz.hunks', {}),
  callback = function(event)
    edited[event.buf], marked[event.buf] = nil, nil
  end,
})

--- A removed line as virtual text, without tabs, which would not be as wide as they were.
---@param line string
---@param tabstop integer
---@return [string, string][]
local function removed_line(line, tabstop)
  local text = ''
  for part, tab in line:gmatch('([^\t]*)(\t?)') do
    text = text .. part
    if tab ~= '' then
      text = text .. (' '):rep(tabstop - vim.fn.strdisplaywidth(text) % tabstop)
    end
  end
  local rest = math.max(WIDEST - vim.fn.strdisplaywidth(text), 0)
  return { { text .. (' '):rep(rest), 'KibitzRemoved' } }
end

---@param buffer integer
---@param hunk kibitz.Hunk
---@param number string such as "1/3"
---@return integer mark
local function draw(buffer, hunk, number)
  local last = vim.api.nvim_buf_line_count(buffer) - 1
  local virtual = {}
  for index, line in ipairs(hunk.removed) do
    if index > MOST_REMOVED_LINES then
      local more = ('… %d more'):format(#hunk.removed - MOST_REMOVED_LINES)
      table.insert(virtual, removed_line(more, 8))
      break
    end
    table.insert(virtual, removed_line(line, vim.bo[buffer].tabstop))
  end
  local adds = hunk.stop > hunk.first
  return vim.api.nvim_buf_set_extmark(buffer, WRITTEN, math.min(hunk.first, last), 0, {
    end_row = adds and math.min(hunk.stop - 1, last) or nil,
    line_hl_group = adds and 'KibitzAdded' or nil,
    sign_text = adds and '▎' or '▁',
    sign_hl_group = adds and 'KibitzAddedSign' or 'KibitzRemovedSign',
    virt_lines = #virtual > 0 and virtual or nil,
    virt_lines_above = hunk.first <= last,
    virt_text = { { ' ' .. number, 'KibitzHint' } },
    virt_text_pos = 'right_align',
    hl_mode = 'combine',
    strict = false,
  })
end

---@param buffer integer
---@param hunks kibitz.Hunk[]
local function draw_all(buffer, hunks)
  vim.api.nvim_buf_clear_namespace(buffer, WRITTEN, 0, -1)
  marked[buffer] = {}
  if not options.get().hunks then
    return
  end
  for index, hunk in ipairs(hunks) do
    local mark = draw(buffer, hunk, ('%d/%d'):format(index, #hunks))
    table.insert(marked[buffer], { mark = mark, hunk = hunk })
  end
end

--- The hunks in the lenses of a buffer, top to bottom.
---@param buffer integer
---@param lenses lsp.CodeLens[]
---@return kibitz.Hunk[]
local function hunks_in(buffer, lenses)
  local found = {}
  for _, lens in ipairs(lenses) do
    local lines = type(lens.data) == 'table' and lens.data.lines
    if lens.command and lens.command.command == 'kibitz.keep' and lines then
      local argument = vim.deepcopy(lens.command.arguments[1])
      argument.uri = vim.uri_from_bufnr(buffer) -- one job may have edited several files
      table.insert(found, {
        first = lines[1],
        stop = lines[2],
        removed = lens.data.removed,
        argument = argument,
      })
    end
  end
  table.sort(found, function(one, other)
    return one.first < other.first
  end)
  return found
end

--- Ask the server what stands in a buffer now, and mark it.
---@param buffer integer
---@param on_answer? fun(hunks: kibitz.Hunk[])
function M.refresh(buffer, on_answer)
  local client = vim.lsp.get_clients({ name = 'kibitz', bufnr = buffer })[1]
  if not client then
    return
  end
  local tick = vim.api.nvim_buf_get_changedtick(buffer)
  local params = { textDocument = vim.lsp.util.make_text_document_params(buffer) }
  client:request('textDocument/codeLens', params, function(err, lenses)
    if err or not vim.api.nvim_buf_is_loaded(buffer) then
      return
    elseif vim.api.nvim_buf_get_changedtick(buffer) ~= tick then
      return M.refresh(buffer, on_answer)
    end
    local hunks = hunks_in(buffer, lenses or {})
    draw_all(buffer, hunks)
    if on_answer then
      on_answer(hunks)
    end
  end, buffer)
end

--- `workspace/codeLens/refresh`: hunks have come or gone.
function M.refresh_all()
  for buffer in pairs(edited) do
    if vim.api.nvim_buf_is_loaded(buffer) then
      M.refresh(buffer)
    end
  end
end

--- Edits of a stream were applied to a buffer: mark their lines while the rest is still to come.
---@param buffer integer
---@param edits lsp.TextEdit[] as they were sent: top to bottom, in lines before any of them
function M.writing(buffer, edits)
  edited[buffer] = true
  if not options.get().hunks or vim.b[buffer].kibitz_conversation then
    return
  end
  local shift = 0
  for _, edit in ipairs(edits) do
    local first, removed =
      edit.range.start.line + shift, edit.range['end'].line - edit.range.start.line
    local _, added = edit.newText:gsub('\n', '')
    local is_line_part = edit.range.start.character > 0 or edit.range['end'].character > 0
    local last = first + added - (is_line_part and 0 or 1)
    if last >= first then
      vim.api.nvim_buf_set_extmark(buffer, WRITING, first, 0, {
        end_row = last,
        line_hl_group = 'KibitzWriting',
        sign_text = '▎',
        sign_hl_group = 'KibitzAddedSign',
        strict = false,
      })
    end
    shift = shift + added - removed
  end
end

--- A stream has ended; its hunks are told with the next refresh.
---@param buffer integer
function M.written(buffer)
  if vim.api.nvim_buf_is_valid(buffer) then
    vim.api.nvim_buf_clear_namespace(buffer, WRITING, 0, -1)
  end
end

--- A buffer was edited in one piece, as with an edit of several files; its hunks are to be shown,
--- too.
---@param buffer integer
function M.was_edited(buffer)
  edited[buffer] = true
end

--- kibitz has been attached to a buffer: one that was edited before anybody has opened it, maybe.
---@param buffer integer
function M.attached(buffer)
  if edited[buffer] then
    M.refresh(buffer)
  end
end

--- Keep or revert the change at the cursor, asked of the server at this moment: a number that was
--- true before another one went would hit the wrong one.
---@param command 'kibitz.keep'|'kibitz.revert'
function M.settle_at_cursor(command)
  local buffer = vim.api.nvim_get_current_buf()
  local client = server.attached(buffer)
  if not client then
    return
  end
  M.refresh(buffer, function(hunks)
    local line = vim.api.nvim_win_get_cursor(0)[1] - 1
    for _, hunk in ipairs(hunks) do
      if hunk.first <= line and line < math.max(hunk.stop, hunk.first + 1) then
        return server.execute(client, command, hunk.argument)
      end
    end
    say.tell('no change of kibitz here; `:Kibitz next` goes to one')
  end)
end

--- Keep or revert everything in the current buffer.
---@param command 'kibitz.keep'|'kibitz.revert'
function M.settle_all(command)
  local buffer = vim.api.nvim_get_current_buf()
  local client = server.attached(buffer)
  if client then
    server.execute(client, command, { uri = vim.uri_from_bufnr(buffer) })
  end
end

--- Put the cursor at the next change, or the one before; round the ends of the buffer.
---@param step 1|-1
function M.jump(step)
  local buffer, here = vim.api.nvim_get_current_buf(), vim.api.nvim_win_get_cursor(0)[1]
  local lines = {}
  for _, each in ipairs(marked[buffer] or {}) do
    local place = vim.api.nvim_buf_get_extmark_by_id(buffer, WRITTEN, each.mark, {})
    table.insert(lines, place[1] and place[1] + 1)
  end
  table.sort(lines)
  if #lines == 0 then
    return say.tell('no change of kibitz in this buffer')
  end
  local target = step > 0 and lines[1] or lines[#lines]
  for index = 1, #lines do
    local line = lines[step > 0 and index or #lines + 1 - index]
    if (line - here) * step > 0 then
      target = line
      break
    end
  end
  vim.cmd("normal! m'")
  vim.api.nvim_win_set_cursor(0, { target, 0 })
end

return M
