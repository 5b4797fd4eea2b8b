// A client of the gateway with nothing but Go's standard library: HTTP calls, and RFC 6455 over a connection.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

var address, account, name = os.Args[1], os.Args[2], os.Args[3]

func main() {
	var created struct{ Data struct{ Token string } }
	must(json.Unmarshal(call("POST", "/api/instance/new", `{"name":"`+name+`","websocketEnabled":true}`, 201), &created))
	connection, reader := connect("/ws/"+name, created.Data.Token)
	call("POST", "/api/events/publish/"+name, `{"event":"call.update","data":{"n": 1.0}}`, 200)
	_, frame := receive(reader)
	if !bytes.HasPrefix(frame, []byte(`{"event":"call.update","data":{"n": 1.0},"instanceData":`)) {
		panic(string(frame))
	}
	call("DELETE", "/api/instance/delete/"+name, "", 200)
	if opcode, reason := receive(reader); opcode != 8 || string(reason) != "\x0f\xa4instance deleted" {
		panic(string(reason))
	}
	must(connection.Close())
	fmt.Println("ok")
}

func call(method, path, body string, status int) []byte {
	request, err := http.NewRequest(method, "http://"+address+path, bytes.NewBufferString(body))
	must(err)
	request.Header.Set("token", account)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	must(err)
	answer, err := io.ReadAll(response.Body)
	must(err)
	if response.StatusCode != status {
		panic(string(answer))
	}
	return answer
}

func connect(path, token string) (net.Conn, *bufio.Reader) {
	connection, err := net.Dial("tcp", address)
	must(err)
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	request, err := http.NewRequest("GET", "http://"+address+path, nil)
	must(err)
	for field, value := range map[string]string{
		"token": token, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key,
	} {
		request.Header.Set(field, value)
	}
	must(request.Write(connection))
	reader := bufio.NewReader(connection)
	response, err := http.ReadResponse(reader, request)
	must(err)
	digest := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	if response.StatusCode != 101 || response.Header.Get("Sec-WebSocket-Accept") != base64.StdEncoding.EncodeToString(digest[:]) {
		panic(response.Status)
	}
	return connection, reader
}

func receive(reader *bufio.Reader) (byte, []byte) {
	head := make([]byte, 2)
	_, err := io.ReadFull(reader, head)
	must(err)
	length := uint64(head[1])
	if length == 126 {
		var extended uint16
		must(binary.Read(reader, binary.BigEndian, &extended))
		length = uint64(extended)
	}
	payload := make([]byte, length)
	_, err = io.ReadFull(reader, payload)
	must(err)
	return head[0] & 0x0f, payload
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
