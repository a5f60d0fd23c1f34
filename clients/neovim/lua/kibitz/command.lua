--- `:Kibitz`: its subcommands, what completes them, and what each of them asks of the server.
local say = require('kibitz.say')
local server = require('kibitz.server')

local M = {}

local PATIENCE_MILLISECONDS = 3000 -- for a server that is to end by itself

---@class kibitz.Call what the user has called
---@field client vim.lsp.Client
---@field buffer integer
---@field words string what came after the subcommand
---@field bang boolean
---@field lines? [integer, integer] the lines that were given, from 1, both included
---@field range? lsp.Range those lines, or the cursor; nil for the whole file

---@class kibitz.Subcommand
---@field does string in a few words
---@field run fun(call: kibitz.Call)
---@field words? fun(): string[] what may come after it
---@field everywhere? boolean whether it needs no file that kibitz knows

--- What the user types, asked for unless it came with the command.
---@param call kibitz.Call
---@param prompt string
---@param use fun(text: string)
local function with_text(call, prompt, use)
  if call.words ~= '' then
    return use(call.words)
  end
  local place = ''
  if call.lines then
    place = (' lines %d–%d'):format(call.lines[1], call.lines[2])
  end
  vim.ui.input({ prompt = ('%s%s: '):format(prompt, place) }, function(text)
    if text and vim.trim(text) ~= '' then
      use(text)
    end
  end)
end

--- A subcommand that is one command of the server's about a place.
---@param command string
---@param does string
---@return kibitz.Subcommand
local function about_place(command, does)
  return {
    does = does,
    run = function(call)
      local argument = server.about(call.client, call.buffer, call.range)
      argument.instruction = call.words ~= '' and call.words or nil
      server.execute(call.client, command, argument)
    end,
  }
end

--- A subcommand that is one command of the server's about nothing in particular.
---@param command string
---@param does string
---@return kibitz.Subcommand
local function about_nothing(command, does)
  return {
    does = does,
    everywhere = true,
    run = function(call)
      server.execute(call.client, command, { uri = vim.uri_from_bufnr(call.buffer) })
    end,
  }
end

--- Run the first code action at a place whose command is one of these.
---@param call kibitz.Call
---@param commands string[] the most wanted first
---@param otherwise string what to say when there is none
local function run_action(call, commands, otherwise)
  local first = call.lines and call.lines[1] or vim.api.nvim_win_get_cursor(0)[1]
  local last = call.lines and call.lines[2] or first
  local diagnostics = vim.tbl_filter(function(each)
    return each.lnum < last and (each.end_lnum or each.lnum) >= first - 1
  end, vim.diagnostic.get(call.buffer))
  local params = {
    textDocument = vim.lsp.util.make_text_document_params(call.buffer),
    range = call.range or server.lines(call.client, call.buffer, first, last),
    context = { diagnostics = vim.lsp.diagnostic.from(diagnostics), triggerKind = 1 },
  }
  call.client:request('textDocument/codeAction', params, function(err, actions)
    for _, wanted in ipairs(commands) do
      for _, action in ipairs(not err and actions or {}) do
        local command = type(action.command) == 'table' and action.command or action
        if command.command == wanted then
          return server.execute(call.client, wanted, command.arguments[1])
        end
      end
    end
    say.tell(otherwise)
  end, call.buffer)
end

---@param call kibitz.Call
---@param instruction string
local function refactor(call, instruction)
  local argument = server.about(call.client, call.buffer, call.range)
  argument.instruction = instruction
  argument.files = call.bang or nil
  server.execute(call.client, 'kibitz.refactor', argument)
end

--- Keep or revert: the change at the cursor, or with `all` everything in the buffer.
---@param command 'kibitz.keep'|'kibitz.revert'
---@param does string
---@return kibitz.Subcommand
local function settling(command, does)
  return {
    does = does,
    words = function()
      return { 'all' }
    end,
    run = function(call)
      local hunks = require('kibitz.hunks')
      if call.words == 'all' then
        hunks.settle_all(command)
      else
        hunks.settle_at_cursor(command)
      end
    end,
  }
end

--- The names of the prompt files of a repository.
---@return string[]
local function prompt_names()
  local client = server.client()
  local root = client and client.root_dir or vim.uv.cwd()
  local folder = vim.tbl_get(client or {}, 'settings', 'kibitz', 'prompts', 'dir')
  local names = {}
  local pattern = vim.fs.joinpath(root, folder or '.kibitz/prompts', '*.md')
  for _, path in ipairs(vim.fn.glob(pattern, true, true)) do
    table.insert(names, vim.fn.fnamemodify(path, ':t:r'))
  end
  return names
end

--- End the servers, and begin anew when they have: until then Neovim takes them for running.
local function restart()
  local ending = vim.lsp.get_clients({ name = 'kibitz' })
  vim.lsp.enable('kibitz', false)
  local began_at = vim.uv.now()
  local function go_on()
    local left = vim.tbl_filter(function(client)
      return not client:is_stopped()
    end, ending)
    if #left == 0 then
      vim.lsp.enable('kibitz')
      return
    elseif vim.uv.now() - began_at > PATIENCE_MILLISECONDS then
      for _, client in ipairs(left) do
        client:stop(true)
      end
    end
    vim.defer_fn(go_on, 50)
  end
  go_on()
end

---@type table<string, kibitz.Subcommand>
local SUBCOMMANDS = {
  menu = {
    does = 'all that can be done here',
    run = function(call)
      local choice = {
        filter = function(action)
          local command = type(action.command) == 'table' and action.command or action
          return vim.startswith(command.command or '', 'kibitz.')
        end,
      }
      if call.lines then
        local width = #vim.fn.getline(call.lines[2])
        choice.range = { start = { call.lines[1], 0 }, ['end'] = { call.lines[2], width } }
      end
      vim.lsp.buf.code_action(choice)
    end,
  },
  explain = about_place('kibitz.explain', 'explain the code here, or answer a question about it'),
  review = {
    does = 'review the file, or the lines that are given',
    run = function(call)
      local range = call.lines and call.range or nil
      local argument = server.about(call.client, call.buffer, range)
      argument.instruction = call.words ~= '' and call.words or nil
      server.execute(call.client, 'kibitz.review', argument)
    end,
  },
  changes = about_nothing('kibitz.reviewChanges', 'review what is not committed'),
  refactor = {
    does = 'change the code here; with ! in other files, too',
    run = function(call)
      with_text(call, 'Refactor', function(instruction)
        refactor(call, instruction)
      end)
    end,
  },
  document = about_place('kibitz.document', 'write the documentation that is missing here'),
  fix = {
    does = 'mend what other servers have found here',
    run = function(call)
      run_action(call, { 'kibitz.fix' }, 'there is no diagnostic to fix here')
    end,
  },
  ask = {
    does = 'ask one question',
    run = function(call)
      with_text(call, 'Ask', function(question)
        local range = call.lines and call.range or nil
        local argument = server.about(call.client, call.buffer, range)
        argument.instruction = question
        server.execute(call.client, 'kibitz.ask', argument)
      end)
    end,
  },
  chat = {
    does = 'begin a conversation, about the lines that are given',
    run = function(call)
      local argument = call.lines and server.about(call.client, call.buffer, call.range) or {}
      argument.instruction = call.words ~= '' and call.words or nil
      server.execute(call.client, 'kibitz.converse', argument)
    end,
  },
  send = {
    does = 'send the question at the end of a conversation',
    run = function(call)
      require('kibitz.conversation').send(call.client, call.buffer)
    end,
  },
  prompt = {
    does = 'run a prompt file of the repository',
    words = prompt_names,
    run = function(call)
      local argument = server.about(call.client, call.buffer, call.range)
      argument.prompt = call.words
      server.execute(call.client, 'kibitz.runPrompt', argument)
    end,
  },
  keep = settling('kibitz.keep', 'keep the change here, or all'),
  revert = settling('kibitz.revert', 'take back the change here, or all'),
  next = {
    does = 'go to the next change',
    run = function()
      require('kibitz.hunks').jump(1)
    end,
  },
  prev = {
    does = 'go to the change before',
    run = function()
      require('kibitz.hunks').jump(-1)
    end,
  },
  stop = {
    does = 'stop what is running for this buffer, or all',
    everywhere = true,
    words = function()
      return { 'all' }
    end,
    run = function(call)
      if call.words ~= 'all' and require('kibitz.answers').stop(call.buffer) then
        return
      end
      local uri = call.words ~= 'all' and vim.uri_from_bufnr(call.buffer) or nil
      server.execute(call.client, 'kibitz.stop', { uri = uri }, function(result)
        if result.stopped == 0 then
          say.tell('nothing is running here')
        end
      end)
    end,
  },
  apply = {
    does = 'apply the finding here, or Claude’s version of lines that you have changed',
    run = function(call)
      local commands = { 'kibitz.applyOffer', 'kibitz.applyFinding' }
      run_action(call, commands, 'there is nothing to apply here')
    end,
  },
  dismiss = {
    does = 'dismiss the finding here',
    run = function(call)
      run_action(call, { 'kibitz.dismissFinding' }, 'there is no finding here')
    end,
  },
  findings = {
    does = 'open the list of findings',
    everywhere = true,
    run = function()
      require('kibitz.findings').list()
    end,
  },
  complete = {
    does = 'complete at the cursor',
    run = function(call)
      if not call.client.server_capabilities.inlineCompletionProvider then
        return require('kibitz.completion').ask()
      end
      vim.api.nvim_create_autocmd('InsertEnter', {
        once = true,
        callback = vim.schedule_wrap(function()
          require('kibitz.completion').ask()
        end),
      })
      local line = vim.api.nvim_get_current_line()
      vim.cmd.startinsert({ bang = vim.api.nvim_win_get_cursor(0)[2] >= #line - 1 })
    end,
  },
  toggle = {
    does = 'switch completion as you type, for a language or for all',
    everywhere = true,
    words = function()
      return { vim.bo.filetype }
    end,
    run = function(call)
      local language = call.words ~= '' and call.words or nil
      server.execute(call.client, 'kibitz.toggleCompletion', { language = language })
    end,
  },
  answer = {
    does = 'show the newest answer again',
    everywhere = true,
    run = function()
      require('kibitz.answers').reopen()
    end,
  },
  usage = about_nothing('kibitz.usage', 'what was spent'),
  context = about_place('kibitz.showContext', 'what would be sent from here'),
  trust = {
    does = 'let automatic features send this repository’s code; with `revoke` no more',
    everywhere = true,
    words = function()
      return { 'revoke' }
    end,
    run = function(call)
      local argument = { uri = vim.uri_from_bufnr(call.buffer) }
      argument.revoke = call.words == 'revoke' or nil
      server.execute(call.client, 'kibitz.trust', argument)
    end,
  },
  status = {
    does = 'what is running and was spent today',
    everywhere = true,
    run = function()
      say.tell(require('kibitz.status').sentence())
    end,
  },
  restart = {
    does = 'end the server and begin anew',
    everywhere = true,
    run = restart,
  },
}

--- The subcommands with what they do.
---@return table<string, string>
function M.described()
  return vim.tbl_map(function(subcommand)
    return subcommand.does
  end, SUBCOMMANDS)
end

---@param given vim.api.keyset.create_user_command.command_args
---@param client vim.lsp.Client
---@param words string
---@return kibitz.Call
local function call_of(given, client, words)
  local buffer = vim.api.nvim_get_current_buf()
  local call = { client = client, buffer = buffer, words = words, bang = given.bang }
  if given.range == 0 then
    call.range = server.cursor(client)
  else
    call.lines = { given.line1, given.line2 }
    local is_all = given.line1 == 1 and given.line2 >= vim.api.nvim_buf_line_count(buffer)
    call.range = not is_all and server.lines(client, buffer, given.line1, given.line2) or nil
  end
  return call
end

--- Run `:Kibitz`.
---@param given vim.api.keyset.create_user_command.command_args
function M.run(given)
  local name, words = given.args:match('^%s*(%S*)%s*(.-)%s*$')
  name = name ~= '' and name or 'menu'
  local subcommand = SUBCOMMANDS[name]
  if not subcommand then
    return say.tell(('there is no `:Kibitz %s`'):format(name), vim.log.levels.ERROR)
  end
  local buffer = vim.api.nvim_get_current_buf()
  local client = subcommand.everywhere and server.client() or server.attached(buffer)
  if client then
    subcommand.run(call_of(given, client, words))
  elseif subcommand.everywhere then
    say.tell('not running; see `:checkhealth kibitz`', vim.log.levels.WARN)
  end
end

--- Complete `:Kibitz`.
---@param lead string
---@param line string
---@return string[]
function M.complete(lead, line)
  local name = line:match('Kibitz!?%s+(%S+)%s+%S*$')
  local found = vim.tbl_keys(SUBCOMMANDS)
  if name then
    local subcommand = SUBCOMMANDS[name]
    found = subcommand and subcommand.words and subcommand.words() or {}
  elseif line:match('Kibitz!?%s+%S+%s') then
    found = {}
  end
  table.sort(found)
  return vim.tbl_filter(function(each)
    return vim.startswith(each, lead)
  end, found)
end

--- The code actions *Refactor…* and *Refactor across files…*: the user says what to do.  The one
--- that does what a comment says is the same command, and brings its instruction along.
---@param command lsp.Command
---@param context { client_id: integer }
function M.refactor_action(command, context)
  local client = assert(vim.lsp.get_client_by_id(context.client_id))
  local argument = vim.deepcopy(command.arguments[1])
  if argument.instruction then
    return server.execute(client, 'kibitz.refactor', argument)
  end
  vim.ui.input({ prompt = 'Refactor: ' }, function(text)
    if text and vim.trim(text) ~= '' then
      argument.instruction = text
      server.execute(client, 'kibitz.refactor', argument)
    end
  end)
end

return M
