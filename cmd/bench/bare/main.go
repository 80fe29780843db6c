// Command bare is the yardstick of the benchmark: the smallest mcp-go server,
// one typed tool over stdio.
package main

import (
	"context"
	"os"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

func main() {
	s := server.NewMCPServer("bare", "1")
	s.AddTool(mcp.NewTool("hello", mcp.WithDescription("Says hello."), mcp.WithString("name", mcp.Description("Whom to greet."))),
		func(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText("hello " + req.GetString("name", "you")), nil
		})
	if err := server.ServeStdio(s); err != nil {
		os.Exit(1)
	}
}
