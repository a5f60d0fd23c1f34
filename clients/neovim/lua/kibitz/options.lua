--- What the user has chosen: `vim.g.kibitz` over the defaults, read each time it is asked for.
local M = {}

---@class kibitz.Options
---@field answer? 'auto'|'split'|'vsplit'|'float' where answers are shown; `auto` is the wider split
---@field completion? boolean whether completions are shown in the text; read when kibitz starts
---@field hunks? boolean whether changes are marked until they are kept or reverted
---@field summary? boolean whether the end of a job and what it has cost is shown for a moment

---@type kibitz.Options
local DEFAULTS = { answer = 'auto', completion = true, hunks = true, summary = true }
local ANSWER_WINDOWS = { 'auto', 'split', 'vsplit', 'float' }

--- The options that hold; what is wrong in `vim.g.kibitz` is left out.
---@return kibitz.Options
function M.get()
  local options = vim.deepcopy(DEFAULTS)
  for name, value in pairs(type(vim.g.kibitz) == 'table' and vim.g.kibitz or {}) do
    if not M.fault(name, value) then
      options[name] = value
    end
  end
  return options
end

--- What is wrong with one option, as a sentence; nil when nothing is.
---@param name any
---@param value any
---@return string?
function M.fault(name, value)
  local default = DEFAULTS[name]
  if default == nil then
    local known = table.concat(vim.fn.sort(vim.tbl_keys(DEFAULTS)), ', ')
    return ('there is no option `%s`; there are: %s'):format(tostring(name), known)
  end
  if name == 'answer' then
    if not vim.list_contains(ANSWER_WINDOWS, value) then
      return ('`answer` must be one of: %s'):format(table.concat(ANSWER_WINDOWS, ', '))
    end
  elseif type(value) ~= 'boolean' then
    return ('`%s` must be true or false'):format(name)
  end
end

--- All that is wrong in `vim.g.kibitz`.
---@return string[]
function M.faults()
  if vim.g.kibitz == nil then
    return {}
  elseif type(vim.g.kibitz) ~= 'table' then
    return { '`vim.g.kibitz` must be a table' }
  end
  local found = {}
  for name, value in vim.spairs(vim.g.kibitz) do
    found[#found + 1] = M.fault(name, value)
  end
  return found
end

return M
