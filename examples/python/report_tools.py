"""The Python side of the example `elixir_style`: outcomes as values, matched on."""

from snakebridge import BaseAdapter, tool


class ReportAdapter(BaseAdapter):
    """Reads numbers out of text, with Rust's help."""

    @tool
    def sum_of(self, texts: list[str]) -> dict[str, object]:
        """Add up what can be parsed, and tell what cannot."""
        parse_number = self.session_context.tools.parse_number
        total, problems = 0, []
        for text in texts:
            match parse_number.tagged(text=text, limit=100):
                case ("ok", number):
                    total += number
                case ("error", reason):
                    problems.append(f"{text}: {reason}")
        return {"sum": total, "problems": problems}

    @tool
    def check(self, name: str, fields: list[str]) -> list[str]:
        """Have a service of the host check a schema; a plain call returns the value, or raises."""
        report = self.session_context.tools["validation.validate_schema"](name=name, fields=fields)
        return list(report["problems"])
