-- What is there before anything of kibitz is loaded: one command, and keys to be mapped.

if vim.g.loaded_kibitz then
  return
end
vim.g.loaded_kibitz = true

if vim.fn.has('nvim-0.11') == 0 then
  vim.api.nvim_echo({ { 'kibitz needs Neovim 0.11 or newer', 'WarningMsg' } }, true, {})
  return
end

vim.api.nvim_create_user_command('Kibitz', function(given)
  require('kibitz.command').run(given)
end, {
  nargs = '*',
  range = true,
  bang = true,
  complete = function(...)
    return require('kibitz.command').complete(...)
  end,
  desc = 'Ask Claude: explain, review, refactor …',
})

vim.api.nvim_create_autocmd('LspAttach', {
  group = vim.api.nvim_create_augroup('kibitz', {}),
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if client and client.name == 'kibitz' then
      require('kibitz.lsp').attached(client, event.buf)
    end
  end,
})

-- Keys: each does what `:Kibitz` with the same words does, for the selection where there is one.
for name, modes in pairs({
  ['menu'] = 'nx',
  ['explain'] = 'nx',
  ['review'] = 'nx',
  ['changes'] = 'n',
  ['refactor'] = 'nx',
  ['fix'] = 'nx',
  ['document'] = 'nx',
  ['ask'] = 'nx',
  ['chat'] = 'nx',
  ['send'] = 'n',
  ['keep'] = 'n',
  ['keep all'] = 'n',
  ['revert'] = 'n',
  ['revert all'] = 'n',
  ['next'] = 'n',
  ['prev'] = 'n',
  ['stop'] = 'n',
  ['apply'] = 'n',
  ['dismiss'] = 'n',
  ['findings'] = 'n',
  ['answer'] = 'n',
}) do
  local plug = ('<Plug>(kibitz-%s)'):format((name:gsub(' ', '-')))
  vim.keymap.set(vim.split(modes, ''), plug, ':Kibitz ' .. name .. '<CR>', { silent = true })
end

-- In Insert mode: what is shown of a completion.
for name, action in pairs({
  ['complete'] = 'ask',
  ['accept'] = 'accept',
  ['accept-word'] = 'accept_word',
  ['accept-line'] = 'accept_line',
  ['dismiss'] = 'dismiss',
}) do
  vim.keymap.set('i', ('<Plug>(kibitz-%s)'):format(name), function()
    require('kibitz.completion')[action]()
  end)
end
