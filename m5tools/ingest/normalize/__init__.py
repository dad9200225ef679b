"""From text as delivered to typed values, column by column. The raw text always stays beside the parsed value."""
