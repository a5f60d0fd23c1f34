-- What a test does and sees within Neovim, as a user would.  Loaded after the user's `init.lua`.

local user = { ends = {}, progress = {}, questions = 0 }
_G.user = user

-- How often Neovim has let choose: a menu, or a question of the server.
local select = vim.ui.select
function vim.ui.select(...)
  user.questions = user.questions + 1
  return select(...)
end

-- What a status line shows of the server's work.
vim.api.nvim_create_autocmd('LspProgress', {
  callback = function(event)
    local params = event.data.params
    table.insert(user.progress, params.value.message or params.value.title)
    if params.value.kind == 'end' then
      user.ends[params.token] = params.value.message or ''
    end
  end,
})

local function client()
  return vim.lsp.get_clients({ name = 'kibitz' })[1]
end

--- Whether kibitz knows the current buffer.
function user.is_attached()
  local attached = vim.lsp.get_clients({ name = 'kibitz', bufnr = 0 })[1]
  return attached ~= nil and attached.initialized
end

function user.has_line(text, buffer)
  for _, line in ipairs(vim.api.nvim_buf_get_lines(buffer or 0, 0, -1, true)) do
    if line:find(text, 1, true) then
      return true
    end
  end
  return false
end

--- The message with which a job ended, once it has: the given job, or any when it is nil.
function user.take_end(job)
  job = job or next(user.ends)
  local message = job and user.ends[job]
  if message then
    user.ends[job] = nil
  end
  return message
end

--- Run a command and wait for its answer: its result, and the message of its error.
function user.execute(command, argument)
  local result, failure
  -- Not by `exec_cmd`, which keeps the answer to itself where a plugin has a command of that name.
  local params = { command = command, arguments = { argument } }
  client():request('workspace/executeCommand', params, function(err, value)
    failure, result = err and err.message, value or {}
  end, vim.api.nvim_get_current_buf())
  vim.wait(20000, function()
    return failure or result
  end, 5)
  return { result or vim.NIL, failure or vim.NIL }
end

--- The titles of the code actions at the cursor or the selection.
function user.code_actions()
  local titles
  local select = vim.ui.select
  vim.ui.select = function(items)
    titles = vim.tbl_map(function(item)
      return item.action.title
    end, items)
  end
  vim.lsp.buf.code_action()
  vim.wait(20000, function()
    return titles
  end, 5)
  vim.ui.select = select
  return titles or {}
end

--- Choose the code action whose title begins with this.
function user.run_action(title)
  vim.lsp.buf.code_action({
    apply = true,
    filter = function(action)
      return vim.startswith(action.title, title)
    end,
  })
end

--- The diagnostics of the current buffer, in order: line and columns 1-based, and what is said.
function user.diagnostics()
  local found = vim.diagnostic.get(0)
  table.sort(found, function(one, other)
    return one.lnum < other.lnum
  end)
  return vim.tbl_map(function(item)
    return {
      line = item.lnum + 1,
      columns = { item.col, item.end_col },
      severity = vim.diagnostic.severity[item.severity],
      source = item.source,
      code = item.code,
      message = item.message,
    }
  end, found)
end

--- The text of the hover at the cursor; nil when there is none.
function user.hover()
  local answer
  local params = vim.lsp.util.make_position_params(0, client().offset_encoding)
  -- The buffer's number and not 0, for which Neovim 0.11 does not send its changes first.
  local buffer = vim.api.nvim_get_current_buf()
  client():request('textDocument/hover', params, function(_, result)
    answer = { result and result.contents.value or vim.NIL }
  end, buffer)
  vim.wait(20000, function()
    return answer
  end, 5)
  return answer and answer[1]
end

--- The window, other than the current one, that shows a Markdown file; its name, text, and window.
function user.shown_answer()
  for _, window in ipairs(vim.api.nvim_list_wins()) do
    local buffer = vim.api.nvim_win_get_buf(window)
    local name = vim.api.nvim_buf_get_name(buffer)
    if window ~= vim.api.nvim_get_current_win() and vim.endswith(name, '.md') then
      return { name = name, lines = vim.api.nvim_buf_get_lines(buffer, 0, -1, true) }
    end
  end
end

--- The text of the floating window, as `K` opens it; nil when there is none.
function user.floating_text()
  for _, window in ipairs(vim.api.nvim_list_wins()) do
    if vim.api.nvim_win_get_config(window).relative ~= '' then
      local buffer = vim.api.nvim_win_get_buf(window)
      return table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, true), '\n')
    end
  end
end

--- What the status line shows, as a user would read it.
function user.status()
  return vim.api.nvim_eval_statusline(vim.o.statusline, { maxwidth = 200 }).str
end
