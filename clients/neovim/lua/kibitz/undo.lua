--- One undo step for all edits of a stream, without a keystroke of the user's in it.
---
--- Two things are needed.  `:undojoin` puts an edit into the step before, and only where nothing
--- has been changed or undone since: the number of the last change tells.  And a step is closed
--- after each edit, or what the user types next would join it in Insert mode, which is one step
--- for Neovim however many edits come in between.
local M = {}

--- The number of the change that the last edit of a stream was, by buffer.
---@type table<integer, integer>
local last_change = {}

local function close_step()
  -- Setting this option ends a step; there is no other way that Insert mode allows.
  vim.cmd('noautocmd let &g:undolevels = &g:undolevels')
end

--- Apply an edit in `buffer` as a part of a stream.  Errors of `apply` are passed on.
---@param buffer integer
---@param place 'start'|'continue' in the stream
---@param apply fun()
function M.apply(buffer, place, apply)
  vim.api.nvim_buf_call(buffer, function()
    local joins = place == 'continue'
      and last_change[buffer] == vim.fn.changenr()
      and pcall(vim.cmd.undojoin)
    if not joins then
      close_step()
    end
    local ok, failure = pcall(apply)
    close_step()
    last_change[buffer] = vim.fn.changenr()
    if not ok then
      error(failure, 0)
    end
  end)
end

--- The stream is over: nothing joins it any more.
---@param buffer integer
function M.finish(buffer)
  last_change[buffer] = nil
end

return M
