-- Files what nobody decides on: kind, customer, what, id, time, payee, amount.
local kind, customer, what, id, time, payee, amount = unpack(ARGV)
if kind == 'login' and what == 'failed' then
  file('failed:' .. customer, id, time, HOUR)
  trim('failed:' .. customer, tonumber(time), HOUR)
elseif kind == 'change' and (what == 'password' or what == 'phone') then
  -- The one rule that asks looks back a day.
  redis.call('SET', 'credentials:' .. customer, time, 'PX', DAY / 1000)
elseif kind == 'observed' and payee ~= '' then
  receive(payee, '', id, time, amount)
end
return redis.status_reply('OK')
