-- Decides on a payment and files it: id, time, amount, account, payee, device, customer, instrument. Empty is absent.
local id, time, amount_text, account, payee, device, customer, instrument = unpack(ARGV)
local now, amount = tonumber(time), tonumber(amount_text)
local since_midnight = (now + 7 * HOUR) % DAY
local day, hour = (now + 7 * HOUR - since_midnight) / DAY, math.floor(since_midnight / HOUR)

local held_key, asked, known = 'held:' .. account, 'asked:' .. account, 'known:' .. account
local MOMENTS = {'count', 'high', 'low', 'high_high', 'high_low', 'low_low'}
local held = redis.call('HMGET', held_key, 'newest', 'hour', 'day', 'today', 'allowed', unpack(MOMENTS))
local newest, last_allowed = tonumber(held[1] or 0), tonumber(held[5])

-- Every payment that is asked for counts, this one too.
local spent_1h = amount
if newest > now - HOUR then
  local gone = redis.call('ZRANGEBYSCORE', asked, after(newest - HOUR), exact(now - HOUR))
  spent_1h = tonumber(held[2] or 0) - sum_of(gone) + amount
end
local today = math.max(day, tonumber(held[3] or 0))
local spent_today = amount
if held[3] and tonumber(held[3]) == today then spent_today = tonumber(held[4]) + amount end
file(asked, logged(id, amount_text), time, DAY)
trim(asked, now, DAY)
local payees = 'payees:' .. account
if payee ~= '' then
  file(payees, payee, time, DAY)
  trim(payees, now, DAY)
end
local by_device, accounts = 'device:' .. device, 'accounts:' .. device
if device ~= '' then
  file(by_device, id, time, DAY)
  trim(by_device, now, DAY)
  file(accounts, account, time, WEEK)
  trim(accounts, now, WEEK)
end

-- What is usual is of the payments before, and those that were allowed. Amounts are in two parts, high * 2^16 + low, whose
-- squares and products are whole numbers that a double holds.
local usual, usual_log = {0, 0, 0, 0, 0, 0}, 'usual:' .. account
local function add(value, sign)
  local low = value % 65536
  local high = (value - low) / 65536
  for at, part in ipairs({1, high, low, high * high, high * low, low * low}) do
    usual[at] = usual[at] + sign * part
  end
end
local gone = left(usual_log, now, MONTH)
if (last_allowed or 0) > now - MONTH then
  for at = 1, 6 do usual[at] = tonumber(held[5 + at]) end
  for _, member in ipairs(gone) do add(amount_of(member), -1) end
end
if #gone > 0 then trim(usual_log, now, MONTH) end
-- Null under two payments.
local function unusual_above()
  local count, high, low, high_high, high_low, low_low = unpack(usual)
  if count < 2 then return nil end
  local spread = (count * high_high - high * high) * 4294967296
    + (count * high_low - high * low) * 131072
    + (count * low_low - low * low)
  return (high * 65536 + low) / count + 4 * math.sqrt(spread / (count * (count - 1)))
end

-- Whether the account's payments that were allowed never had this.
local function is_new(what) return redis.call('SISMEMBER', known, what) == 0 end
local function credentials_are_fresh()
  local changed = customer ~= '' and redis.call('GET', 'credentials:' .. customer)
  return changed and now - tonumber(changed) < DAY
end
local function money_leaves_again()
  local payers = 'payers:' .. account
  if redis.call('ZCARD', payers) < 5 or within(payers, now, HOUR) < 5 then return false end
  local received = tonumber(redis.call('GET', 'received-sum:' .. account) or 0)
  received = received - sum_of(left('received:' .. account, now, HOUR))
  return received >= 2e6 and spent_1h * 100 >= received * 70
end

local NOTABLE = 5e6
local score, fired, asks, alert = 0, {}, false, 0
local function fire(rule, points)
  score = score + points
  fired[#fired + 1] = rule
end
local is_known = last_allowed ~= nil
local new_device = amount > NOTABLE and is_known and device ~= '' and is_new('device:' .. device)
if new_device and amount > 10e6 then
  fire('new_device_large', 40)
  asks = true
end
if new_device and credentials_are_fresh() then
  fire('takeover', 50)
  asks = true
end
if amount > 2e6 and customer ~= '' and within('failed:' .. customer, now, HOUR) >= 3 then fire('failed_logins', 20) end
local asked_24h = redis.call('ZCARD', asked)
if asked_24h > 5 and within(asked, now, HOUR / 6) > 5 then fire('account_burst', 20) end
if asked_24h > 30 then fire('account_busy_day', 15) end
if device ~= '' then
  local device_24h = redis.call('ZCARD', by_device)
  if device_24h > 8 and within(by_device, now, HOUR / 6) > 8 then fire('device_burst', 20) end
  if device_24h > 40 then fire('device_busy_day', 10) end
  if redis.call('ZCARD', accounts) >= 5 then
    fire('shared_device', 15)
    alert = 1
  end
end
if money_leaves_again() then
  fire('mule_cash_out', 60)
  asks = true
end
if instrument == 'card' and amount < 100000 and device ~= '' then
  local cards = 'cards:' .. device
  file(cards, account, time, HOUR / 6)
  trim(cards, now, HOUR / 6)
  if redis.call('ZCARD', cards) >= 5 then
    fire('card_testing', 40)
    asks = true
  end
end
if redis.call('ZCARD', payees) > 8 and within(payees, now, DAY) > 8 then fire('many_payees', 15) end
if amount > NOTABLE and amount > (unusual_above() or 50e6) then fire('unusual_amount', 20) end
if amount >= 9e6 and amount <= 10e6 then
  local near = 'near:' .. account
  file(near, id, time, DAY)
  trim(near, now, DAY)
  if redis.call('ZCARD', near) >= 3 then
    fire('below_limit', 35)
    asks = true
  end
end
if amount > NOTABLE and is_known and now - last_allowed > MONTH then
  fire('dormant_waking', 30)
  asks = true
end
if amount > NOTABLE and (hour >= 23 or hour < 5) then fire('night', 15) end
if amount > NOTABLE and is_known and payee ~= '' and is_new('payee:' .. payee) then fire('new_payee', 10) end
if spent_today > 100e6 then
  fire('large_day', 5)
  alert = 1
end

local outcome = (score >= 100 and 'block') or ((asks or score >= 50) and 'step_up') or 'allow'

-- What was decided is filed where only what was allowed counts.
if outcome == 'allow' then
  last_allowed = math.max(last_allowed or 0, now)
  if device ~= '' then redis.call('SADD', known, 'device:' .. device) end
  if payee ~= '' then
    redis.call('SADD', known, 'payee:' .. payee)
    receive(payee, account, id, time, amount_text)
  end
  add(amount, 1)
  file(usual_log, logged(id, amount_text), time, MONTH)
end
local kept = {'newest', exact(math.max(newest, now)), 'hour', exact(spent_1h), 'day', today, 'today', exact(spent_today)}
if last_allowed then
  kept[9], kept[10] = 'allowed', exact(last_allowed)
  for at, name in ipairs(MOMENTS) do kept[9 + 2 * at], kept[10 + 2 * at] = name, exact(usual[at]) end
end
redis.call('HSET', held_key, unpack(kept))
return {outcome, score, alert, fired}
