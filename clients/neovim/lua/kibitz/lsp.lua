--- kibitz as a client of Neovim: its configuration, and what is done when it is there.
---
--- Nothing but this is loaded before the first answer of the server; the handlers load the rest.
local options = require('kibitz.options')

local M = {}

--- A handler in a module that is loaded when it is first needed.
---@param module string
---@param name string
---@return lsp.Handler
local function later(module, name)
  return function(...)
    return require('kibitz.' .. module)[name](...)
  end
end

--- One server for a repository, and none of their own for files that are in none: a conversation
--- lies in the cache folder.
---@param client vim.lsp.Client
---@param config vim.lsp.ClientConfig
---@return boolean
local function reuse_client(client, config)
  if client.name ~= config.name or client:is_stopped() then
    return false
  end
  return config.root_dir == nil
    or vim.iter(client.workspace_folders or {}):any(function(folder)
      return folder.uri == vim.uri_from_fname(config.root_dir)
    end)
end

--- `window/showMessage`, of which Neovim's own makes the user press Enter when it is long.
---@param params lsp.ShowMessageParams
local function show_message(_, params)
  local levels = { vim.log.levels.ERROR, vim.log.levels.WARN }
  require('kibitz.say').tell(params.message, levels[params.type] or vim.log.levels.INFO)
end

--- `window/showDocument`: a conversation is opened to be written into.
---@param params lsp.ShowDocumentParams
local function show_document(err, params, context)
  local conversation = require('kibitz.conversation')
  if conversation.is(params.uri) and not params.external then
    return { success = conversation.open(params.uri) }
  end
  return vim.lsp.handlers['window/showDocument'](err, params, context)
end

---@return vim.lsp.Config
function M.config()
  return {
    cmd = { 'kibitz', 'serve' },
    -- No `filetypes`: kibitz reads any language.
    root_markers = { '.kibitz.toml', '.git' },
    reuse_client = reuse_client,
    capabilities = {
      -- Neovim 0.12 announces this one by itself, 0.11 does not know it: we do it by hand.
      textDocument = options.get().completion and {
        inlineCompletion = { dynamicRegistration = false },
      } or nil,
      workspace = { codeLens = { refreshSupport = true } },
      experimental = { kibitz = { applyEdit = true, stream = true, status = true } },
    },
    handlers = {
      ['kibitz/applyEdit'] = later('edits', 'apply_streamed'),
      ['kibitz/stream'] = later('answers', 'stream'),
      ['kibitz/status'] = later('status', 'update'),
      ['workspace/applyEdit'] = later('edits', 'apply'),
      ['workspace/codeLens/refresh'] = function(...)
        require('kibitz.hunks').refresh_all()
        local own = vim.lsp.handlers['workspace/codeLens/refresh'] -- of Neovim 0.12
        return own and own(...) or vim.NIL
      end,
      ['window/showMessage'] = show_message,
      ['window/showDocument'] = show_document,
    },
    commands = { ['kibitz.refactor'] = later('command', 'refactor_action') },
    on_exit = vim.schedule_wrap(function()
      require('kibitz.status').reset()
    end),
  }
end

--- The colours, where the user and their colour scheme have set none.
local function set_colours()
  for group, link in pairs({
    KibitzAddedSign = 'Added',
    KibitzRemoved = 'DiffDelete',
    KibitzRemovedSign = 'Removed',
    KibitzWriting = 'CursorLine',
    KibitzHint = 'Comment',
    KibitzGhost = vim.fn.hlexists('ComplHint') == 1 and 'ComplHint' or 'Comment',
  }) do
    vim.api.nvim_set_hl(0, group, { link = link, default = true })
  end
  -- Its background alone: the code on it keeps its own colours.
  local added = vim.api.nvim_get_hl(0, { name = 'DiffAdd', link = false })
  vim.api.nvim_set_hl(0, 'KibitzAdded', {
    bg = added.bg,
    ctermbg = added.ctermbg,
    ctermfg = added.ctermfg,
    default = true,
  })
end

local has_begun = false

--- What is there once, however many buffers there are.
local function begin()
  if has_begun then
    return
  end
  has_begun = true
  set_colours()
  vim.api.nvim_create_autocmd('ColorScheme', {
    group = vim.api.nvim_create_augroup('kibitz.colours', {}),
    callback = set_colours,
  })
  vim.api.nvim_create_autocmd('LspProgress', {
    group = vim.api.nvim_create_augroup('kibitz.progress', {}),
    callback = function(event)
      local client = vim.lsp.get_client_by_id(event.data.client_id)
      if client and client.name == 'kibitz' then
        require('kibitz.status').progress(event.data.params.token, event.data.params.value)
      end
    end,
  })
end

--- kibitz has been attached to a buffer.
---@param client vim.lsp.Client
---@param buffer integer
function M.attached(client, buffer)
  begin()
  if require('kibitz.conversation').is(vim.uri_from_bufnr(buffer)) then
    vim.b[buffer].kibitz_conversation = true
  end
  if package.loaded['kibitz.hunks'] then
    require('kibitz.hunks').attached(buffer)
  end
  if client.server_capabilities.inlineCompletionProvider then
    require('kibitz.completion').attach(client, buffer)
  end
end

return M
