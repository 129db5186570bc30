-- What both scripts do with a key: file what came, and let go of what has left its window.
local HOUR, DAY, WEEK, MONTH = 3600e6, 86400e6, 604800e6, 2592000e6

-- Joining a number to a text by `..` keeps 14 digits, and a time has 16.
local function exact(number) return string.format('%.0f', number) end
local function after(time) return '(' .. exact(time) end

-- A window is (now - span, now]. It may go once nothing of its last payment can be in it any more.
local function file(key, member, time, span)
  redis.call('ZADD', key, time, member)
  redis.call('PEXPIRE', key, span / 1000)
end
local function trim(key, now, span) redis.call('ZREMRANGEBYSCORE', key, '-inf', exact(now - span)) end
local function within(key, now, span) return redis.call('ZCOUNT', key, after(now - span), '+inf') end

-- A payment in a log says its amount behind its id.
local function logged(id, amount) return id .. ':' .. amount end
local function amount_of(member) return tonumber(string.match(member, ':(%d+)$')) end
local function sum_of(members)
  local sum = 0
  for _, member in ipairs(members) do sum = sum + amount_of(member) end
  return sum
end
local function left(log, now, span) return redis.call('ZRANGEBYSCORE', log, '-inf', exact(now - span)) end

-- Money that arrived: its running sum, and who paid it in. An empty payer is nobody known.
local function receive(payee, payer, id, time, amount)
  local now, log, sum = tonumber(time), 'received:' .. payee, 'received-sum:' .. payee
  local kept = tonumber(redis.call('GET', sum) or 0)
  local gone = left(log, now, HOUR)
  if #gone > 0 then
    kept = math.max(kept - sum_of(gone), 0)
    trim(log, now, HOUR)
  end
  redis.call('SET', sum, exact(kept + tonumber(amount)), 'PX', HOUR / 1000)
  file(log, logged(id, amount), time, HOUR)
  if payer ~= '' then
    file('payers:' .. payee, payer, time, HOUR)
    trim('payers:' .. payee, now, HOUR)
  end
end
