-- Payments for wrk: each with an id of its own, of one of 100,000 accounts. An answer that is none stops nothing; they are counted.
local threads = 0
function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init()
  sent, others = 0, 0
  math.randomseed(number + 1)
  started = os.time()
end

function request()
  sent = sent + 1
  local account = math.random(100000)
  local body = string.format(
    '{"id":"w%d-%d-%d","time_us":%d000000,"amount_minor":%d,"currency":"VND","account":"a%d","payee":"p%d","device":"d%d","portal":"mobile","provider":"napas"}',
    started, number, sent, os.time(), 10000 + math.random(5000000), account, math.random(50000), account)
  return wrk.format("POST", "/v1/decisions", { ["content-type"] = "application/json" }, body)
end
