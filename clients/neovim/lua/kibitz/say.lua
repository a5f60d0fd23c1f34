--- Tells the user something without ever making them wait.
---
--- A message that is longer than a line makes Neovim ask for Enter, in the middle of what the user
--- types.  `:echomsg` shows what fits and keeps all of it for `:messages`.
local M = {}

local notify = vim.notify
local HIGHLIGHTS = { [vim.log.levels.ERROR] = 'ErrorMsg', [vim.log.levels.WARN] = 'WarningMsg' }

--- Tell it, and keep it in `:messages`.  A `vim.notify` of the user's own shows it as it likes.
---@param message string
---@param level? integer one of `vim.log.levels`
function M.tell(message, level)
  level = level or vim.log.levels.INFO
  if vim.notify ~= notify then
    vim.notify(message, level, { title = 'kibitz' })
    return
  end
  local line = ('kibitz: %s'):format(message:gsub('%s*\n%s*', ' '))
  vim.cmd.echohl(HIGHLIGHTS[level] or 'None')
  vim.cmd.echomsg(vim.fn.string(line))
  vim.cmd.echohl('None')
end

--- Show it until something else is shown there.
---@param message string
function M.show(message)
  if vim.api.nvim_get_mode().mode:sub(1, 1) == 'c' then
    return -- the user is typing where it would be shown
  end
  local room = math.max(vim.v.echospace, 20)
  local line = message:gsub('%s*\n%s*', ' ')
  if vim.fn.strdisplaywidth(line) > room then
    line = vim.fn.strcharpart(line, 0, room - 1) .. '…'
  end
  vim.api.nvim_echo({ { line } }, false, {})
end

return M
