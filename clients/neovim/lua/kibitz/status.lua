--- What kibitz is doing and has spent today, for a status line, and the end of each job.
local options = require('kibitz.options')
local say = require('kibitz.say')

local M = {}

---@class kibitz.Status
---@field busy boolean
---@field jobs string[]
---@field spentTodayUsd number
---@field dayLimitUsd number
---@field cacheShare number
---@field pausedUntil? string

---@class kibitz.Progress
---@field title string
---@field message? string

---@type kibitz.Status?
local status
--- Running jobs, by token, oldest first in `order`.
---@type table<string, kibitz.Progress>
local running = {}
---@type string[]
local order = {}

--- Whether somebody shows the line; a status line is not drawn anew for nothing.
local is_shown = false

local function changed()
  vim.api.nvim_exec_autocmds('User', { pattern = 'KibitzStatus', modeline = false })
  if is_shown then
    vim.cmd('redrawstatus!')
  end
end

--- `kibitz/status`: the whole state; the newest replaces those before.
---@param params kibitz.Status
function M.update(_, params)
  status = params
  changed()
end

--- The state as it was last told; nil before a server has.
---@return kibitz.Status?
function M.get()
  return status
end

--- A job has begun, says how far it is, or has ended (`LspProgress`).
---@param token string
---@param value { kind: string, title?: string, message?: string }
function M.progress(token, value)
  if value.kind == 'begin' then
    running[token] = { title = value.title or 'kibitz' }
    table.insert(order, token)
  elseif value.kind == 'report' and running[token] then
    running[token].message = value.message
  elseif value.kind == 'end' and running[token] then
    local title = running[token].title
    running[token] = nil
    order = vim.tbl_filter(function(each)
      return each ~= token
    end, order)
    if options.get().summary and value.message and not vim.startswith(value.message, 'Failed') then
      say.show(('%s: %s'):format(title, value.message)) -- a failure has its own message
    end
  end
  changed()
end

--- Forget the jobs of a server that has ended.
function M.reset()
  running, order, status = {}, {}, nil
  changed()
end

--- A line such as `kibitz $0.31 today`, or with what is running, as
--- `kibitz: Refactor app.py:3-9, 120 tokens so far, $0.0031 · $0.31 today`.
---
--- It holds no `%`, which a status line would read as an item of its own.
---@return string
function M.line()
  is_shown = true
  if not status and #order == 0 then
    return ''
  end
  local parts = { 'kibitz' }
  local separator = ' '
  local newest = running[order[#order]]
  if newest then
    parts[1] = ('kibitz: %s'):format(newest.title)
    separator = ' · '
    if newest.message then
      parts[1] = ('%s, %s'):format(parts[1], newest.message)
    end
    if #order > 1 then
      table.insert(parts, ('+%d'):format(#order - 1))
    end
  end
  if status then
    table.insert(parts, ('$%.2f today'):format(status.spentTodayUsd))
    if status.pausedUntil then
      table.insert(parts, '(paused)')
    end
  end
  return (table.concat(parts, separator):gsub('%%', ''))
end

--- The whole state in one sentence.
---@return string
function M.sentence()
  if not status then
    return 'nothing was asked yet'
  end
  local sentence = ('$%.2f of $%.2f today, %.0f %% of the prompts read from the cache'):format(
    status.spentTodayUsd,
    status.dayLimitUsd,
    status.cacheShare * 100
  )
  if #status.jobs > 0 then
    sentence = ('%s; running: %s'):format(sentence, table.concat(status.jobs, ', '))
  end
  return sentence
end

return M
