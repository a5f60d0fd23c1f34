--- Findings in the quickfix list, which grows while a review goes on.  (They are ordinary
--- diagnostics, too: Neovim shows them as it shows any server's.)
local say = require('kibitz.say')

local M = {}

local TITLE = 'kibitz: findings'

--- All findings, of files that are not open too, as entries of the list.
---@return vim.quickfix.entry[]
local function entries()
  local found = {}
  for _, client in ipairs(vim.lsp.get_clients({ name = 'kibitz' })) do
    local namespace = vim.lsp.diagnostic.get_namespace(client.id)
    vim.list_extend(found, vim.diagnostic.get(nil, { namespace = namespace }))
  end
  local list = vim.diagnostic.toqflist(found)
  for _, entry in ipairs(list) do
    entry.text = entry.text:gsub('\n', ': ', 1):gsub('%s*\n%s*', ' ')
  end
  return list
end

local function refresh()
  local list = vim.fn.getqflist({ title = 1, idx = 0 })
  if list.title == TITLE then
    local new = { title = TITLE, items = entries() }
    vim.fn.setqflist({}, 'r', new)
    if list.idx > 0 and list.idx <= #new.items then
      vim.fn.setqflist({}, 'a', { idx = list.idx })
    end
  end
end

--- Open the list.
function M.list()
  vim.api.nvim_create_autocmd('DiagnosticChanged', {
    group = vim.api.nvim_create_augroup('kibitz.findings', {}),
    callback = vim.schedule_wrap(refresh),
  })
  local list = entries()
  vim.fn.setqflist({}, ' ', { title = TITLE, items = list })
  if #list == 0 then
    return say.tell('no findings')
  end
  vim.cmd.copen({ mods = { split = 'botright' } })
end

return M
