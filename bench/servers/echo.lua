-- Makes wrk a client of an echo server: what it sends as its request is an answer, and comes back as one.
-- wrk -s echo.lua URL -- BYTES

function init(args)
  local size = tonumber(args[1])
  -- The length of the head depends on the length that stands in it: the largest body that fits.
  local body = size
  local head
  repeat
    body = body - 1
    head = "HTTP/1.1 200 OK\r\nContent-Length: " .. body .. "\r\n\r\n"
  until #head + body <= size
  message = head .. string.rep("x", body)
end

-- wrk looks whether the first is a request at all, and does not send it.
local isFirst = true

function request()
  if isFirst then
    isFirst = false
    return "GET / HTTP/1.1\r\n\r\n"
  end
  return message
end
