--- Answers, shown while they are written: one buffer each, all in one window.
---
--- What a model wrote is untrusted.  It is plain text in a buffer of a file type of our own, which
--- is highlighted as Markdown and means nothing to plugins that load pictures or run code of
--- Markdown files.
local options = require('kibitz.options')
local say = require('kibitz.say')
local server = require('kibitz.server')

local M = {}

---@class kibitz.StreamParams
---@field job string
---@field uri? string
---@field title string
---@field state 'begin'|'delta'|'end'|'failed'
---@field text string

---@class kibitz.Answer
---@field buffer integer
---@field client integer
---@field is_running boolean

local FILE_TYPE = 'kibitz'
local NARROWEST_BESIDE = 140 -- columns of the editor, from which on two texts fit side by side

---@type table<string, kibitz.Answer>
local answers = {}
---@type integer?
local newest
---@type integer?
local window

--- Where a new window for answers goes, for `nvim_open_win`.
---@return vim.api.keyset.win_config
local function place()
  local kind = options.get().answer
  if kind == 'auto' then
    kind = vim.o.columns >= NARROWEST_BESIDE and 'vsplit' or 'split'
  end
  if kind == 'vsplit' then
    return { split = 'right', win = 0 }
  elseif kind == 'split' then
    return { split = 'below', win = 0, height = math.max(math.floor(vim.o.lines * 0.35), 5) }
  end
  local width = math.min(84, vim.o.columns - 4)
  local height = math.max(math.floor(vim.o.lines * 0.5), 5)
  return {
    relative = 'editor',
    anchor = 'NE',
    row = 1,
    col = vim.o.columns - 1,
    width = width,
    height = height,
    border = vim.o.winborder ~= '' and vim.o.winborder or 'rounded',
  }
end

--- Show a buffer in the window for answers, which is opened if there is none.
---@param buffer integer
---@param enter boolean
local function show(buffer, enter)
  if window and vim.api.nvim_win_is_valid(window) then
    vim.wo[window][0].winfixbuf = false
    vim.api.nvim_win_set_buf(window, buffer)
  else
    window = vim.api.nvim_open_win(buffer, false, place())
  end
  local here = vim.wo[window][0]
  here.wrap, here.linebreak, here.breakindent = true, true, true
  here.number, here.relativenumber, here.signcolumn = false, false, 'no'
  here.conceallevel, here.concealcursor = 2, 'n'
  here.foldenable, here.spell, here.list = false, false, false
  here.winbar = "%{v:lua.require'kibitz.answers'.heading()}"
  if enter then
    vim.api.nvim_set_current_win(window)
  end
end

--- What stands over the window: the title, and whether more is to come.
---@return string
function M.heading()
  local buffer = vim.api.nvim_win_get_buf(vim.g.statusline_winid or 0)
  local title = vim.b[buffer].kibitz_title
  return title and (' %s%s'):format(title, vim.b[buffer].kibitz_running and ' …' or '') or ''
end

--- A name for a buffer: the title, with a number where that has been asked before.
---@param title string
---@return string
local function unused_name(title)
  local name, number = ('kibitz://%s'):format(title), 1
  while vim.fn.bufexists(name) == 1 do
    number = number + 1
    name = ('kibitz://%s (%d)'):format(title, number)
  end
  return name
end

---@param params kibitz.StreamParams
---@return integer buffer
local function new_buffer(params)
  local buffer = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_name(buffer, unused_name(params.title))
  vim.bo[buffer].bufhidden = 'hide'
  vim.bo[buffer].modifiable = false
  vim.bo[buffer].filetype = FILE_TYPE
  vim.b[buffer].kibitz_title = params.title
  vim.treesitter.language.register('markdown', FILE_TYPE)
  pcall(vim.treesitter.start, buffer, 'markdown')
  vim.keymap.set('n', 'q', '<Cmd>close<CR>', { buffer = buffer, desc = 'Close the answer' })
  return buffer
end

--- Add text at the end.  A window goes along when its cursor was put on the last line; otherwise
--- the answer is read from its beginning.
---@param buffer integer
---@param text string
local function append(buffer, text)
  local count = vim.api.nvim_buf_line_count(buffer)
  local last = vim.api.nvim_buf_get_lines(buffer, -2, -1, true)[1]
  local following = vim.tbl_filter(function(each)
    return count > 1 and vim.api.nvim_win_get_cursor(each)[1] == count
  end, vim.fn.win_findbuf(buffer))
  local lines = vim.split((text:gsub('\r', '')), '\n', { plain = true })
  vim.bo[buffer].modifiable = true
  vim.api.nvim_buf_set_text(buffer, count - 1, #last, count - 1, #last, lines)
  vim.bo[buffer].modifiable = false
  for _, each in ipairs(following) do
    vim.api.nvim_win_set_cursor(each, { vim.api.nvim_buf_line_count(buffer), 0 })
  end
end

---@param buffer integer
local function clear(buffer)
  vim.bo[buffer].modifiable = true
  vim.api.nvim_buf_set_lines(buffer, 0, -1, true, {})
  vim.bo[buffer].modifiable = false
end

---@param answer kibitz.Answer
---@param is_running boolean
local function set_running(answer, is_running)
  answer.is_running = is_running
  vim.b[answer.buffer].kibitz_running = is_running
  vim.cmd('redrawstatus!')
end

--- `kibitz/stream`: one piece of an answer.
---@param params kibitz.StreamParams
---@param context lsp.HandlerContext
function M.stream(_, params, context)
  local answer = answers[params.job]
  if params.state == 'begin' then
    if answer and vim.api.nvim_buf_is_valid(answer.buffer) then
      return clear(answer.buffer) -- what came until now is taken back
    end
    answer = { buffer = new_buffer(params), client = context.client_id, is_running = true }
    answers[params.job], newest = answer, answer.buffer
    set_running(answer, true)
    return show(answer.buffer, false)
  end
  if not answer or not vim.api.nvim_buf_is_valid(answer.buffer) then
    return -- the user has wiped it out
  end
  if params.state == 'delta' then
    append(answer.buffer, params.text)
    return
  end
  if params.state == 'failed' then
    append(answer.buffer, ('\n\n*The answer ends here. %s*\n'):format(params.text))
  end
  set_running(answer, false)
end

--- Show the newest answer again, and go there.
function M.reopen()
  if not newest or not vim.api.nvim_buf_is_valid(newest) then
    return say.tell('there is no answer yet')
  end
  show(newest, true)
end

--- The job of the answer in a buffer, while it is written.
---@param buffer integer
---@return string? job
---@return vim.lsp.Client?
function M.running_in(buffer)
  for job, answer in pairs(answers) do
    if answer.buffer == buffer and answer.is_running then
      return job, vim.lsp.get_client_by_id(answer.client)
    end
  end
end

--- Stop the answer that is written in a buffer; false when none is.
---@param buffer integer
---@return boolean
function M.stop(buffer)
  local job, client = M.running_in(buffer)
  if job and client then
    server.cancel(client, job)
  end
  return job ~= nil
end

return M
