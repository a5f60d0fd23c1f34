--- `:checkhealth kibitz`.
local options = require('kibitz.options')

local M = {}

local DOCTOR_MILLISECONDS = 30000
local EXTENSIONS = { 'applyEdit', 'stream', 'status' }

local function check_neovim()
  local version = tostring(vim.version())
  if vim.fn.has('nvim-0.11') == 0 then
    vim.health.error(('Neovim %s is too old'):format(version), 'Use Neovim 0.11 or newer.')
  else
    vim.health.ok(('Neovim %s'):format(version))
  end
  local faults = options.faults()
  for _, fault in ipairs(faults) do
    vim.health.error('vim.g.kibitz: ' .. fault)
  end
  if #faults == 0 then
    vim.health.ok('the options in vim.g.kibitz are right')
  end
end

---@return string? program
local function check_program()
  local config = vim.lsp.config.kibitz
  local command = type(config.cmd) == 'table' and config.cmd[1] or nil
  if not command then
    vim.health.info('`cmd` is a function; the program is not checked')
  elseif vim.fn.executable(command) == 0 then
    vim.health.error(
      ('`%s` is not found'):format(command),
      "Install kibitz (`pipx install kibitz`), or name it: vim.lsp.config('kibitz', "
        .. "{ cmd = { '/path/to/kibitz', 'serve' } })"
    )
    return nil
  else
    vim.health.ok(('`%s` is %s'):format(command, vim.fn.exepath(command)))
  end
  return command
end

local function check_clients()
  if not vim.lsp.is_enabled('kibitz') then
    vim.health.warn('kibitz is not enabled', "Write vim.lsp.enable('kibitz') into your init.lua.")
  end
  local clients = vim.lsp.get_clients({ name = 'kibitz' })
  if #clients == 0 then
    vim.health.info('no server is running; one starts with the first file that is opened')
  end
  for _, client in ipairs(clients) do
    local server = client.server_info or {}
    vim.health.ok(
      ('kibitz %s is running for %s (%s, %d buffers)'):format(
        server.version or '?',
        client.root_dir or 'single files',
        client.offset_encoding,
        vim.tbl_count(client.attached_buffers)
      )
    )
    local known = vim.tbl_get(client.server_capabilities, 'experimental', 'kibitz') or {}
    for _, extension in ipairs(EXTENSIONS) do
      if not known[extension] then
        vim.health.warn(
          ('this server has no `%s`'):format(extension),
          'Install the kibitz that this plugin came with.'
        )
      end
    end
  end
end

--- What `kibitz doctor` says: credentials, endpoint, models, budget.  It spends nothing.
---@param program string
local function check_doctor(program)
  local ran, result = pcall(function()
    return vim
      .system({ program, 'doctor' }, { text = true, env = { NO_COLOR = '1' } })
      :wait(DOCTOR_MILLISECONDS)
  end)
  if not ran or result.code == 124 then
    return vim.health.warn('`kibitz doctor` did not answer', 'Run it in a terminal.')
  end
  for line in vim.gsplit(vim.trim(result.stdout or ''), '\n') do
    vim.health.info(line)
  end
  if result.code == 0 then
    vim.health.ok('`kibitz doctor` finds nothing wrong')
  else
    vim.health.error(
      '`kibitz doctor` finds something wrong',
      'Each line above says what to do about it.'
    )
  end
end

local function check_completion()
  local native = vim.lsp.inline_completion
  if not options.get().completion then
    vim.health.info('completions come in the list of names: `completion` is false')
  elseif native and native.is_enabled() then
    vim.health.ok('Neovim shows completions as you type, kibitz those that you ask for')
  else
    vim.health.ok('completions are shown in the text')
  end
end

function M.check()
  vim.health.start('kibitz: Neovim')
  check_neovim()
  check_completion()
  vim.health.start('kibitz: server')
  local program = check_program()
  check_clients()
  if program then
    vim.health.start('kibitz doctor')
    check_doctor(program)
  end
end

return M
