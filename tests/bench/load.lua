-- Sends the requests of a file in turn: method, path, token and body, parted by tabs. Where a body has the mark, each
-- request has a number of its own.
local MARK = "@NUMBER@"
local before, after, at, count, number = {}, {}, 0, 0, 0

function init(arguments)
   number = tonumber(arguments[2])
   for line in io.lines(arguments[1]) do
      local method, path, token, body = line:match("([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)")
      local headers = { Authorization = "Bearer " .. token }
      if body ~= "" then headers["Content-Type"] = "application/json" end
      local text = wrk.format(method, path, headers, body ~= "" and body or nil)
      local from, to = text:find(MARK, 1, true)
      count = count + 1
      before[count] = from and text:sub(1, from - 1) or text
      after[count] = from and text:sub(to + 1)
   end
end

function request()
   at = at % count + 1
   if not after[at] then return before[at] end
   number = number + 1
   -- As long as the mark, which the length of the body was counted with.
   return before[at] .. string.format("%08d", number) .. after[at]
end

function done(summary, latency)
   local failed = summary.errors
   io.write(string.format('\n#{"requests":%d,"seconds":%f,"p50":%f,"p99":%f,"refused":%d,"lost":%d,"bytes":%d}\n',
      summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
      failed.status, failed.connect + failed.read + failed.write + failed.timeout, summary.bytes))
end
