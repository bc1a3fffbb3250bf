# SPDX-License-Identifier: MIT
# Reports what is not in Xen's style.  limit: the length of a line.

function complain(what)
{
    printf "%s:%d: %s\n", FILENAME, FNR, what
}

FNR == 1 { in_comment = 0; brace = -1 }

/\t/ { complain("tab") }
/[ \t]$/ { complain("blank at the end of the line") }
length($0) > limit { complain("line longer than " limit) }

{
    line = $0

    # What is in comments and strings is not code.
    gsub(/"([^"\\]|\\.)*"/, "\"\"", line)
    gsub(/'([^'\\]|\\.)'/, "0", line)
    if ( in_comment )
    {
        if ( !sub(/^.*\*\//, "", line) )
            next
        in_comment = 0
    }
    gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, "", line)
    if ( sub(/\/\*.*$/, "", line) )
        in_comment = 1
    if ( line ~ /\/\// )
        complain("comment that begins with //")
    sub(/[ \\]+$/, "", line)

    match(line, /^ */)
    indent = RLENGTH
    if ( line == "" )
        next

    # Preprocessor lines have an indentation of their own.
    if ( line ~ /^ *#/ )
        next

    if ( match(line, /(^|[^a-zA-Z0-9_])(if|for|while|switch)\(/) )
        complain("no blank before (")
    if ( match(line, /(^|[^a-zA-Z0-9_])(if|for|while|switch|list_for_each_entry|for_each_vcpu) \(([^ ]|  )/) )
        complain("not one blank after the (")
    if ( line ~ /^ *(if|for|while|switch) \(.*[^ ]\)$/ && balanced(line) )
        complain("no blank before the )")

    # A compound literal begins where its type ends.
    if ( (line ~ /\) *\{$/ && line !~ /\((struct|union) [a-z_]+\)\{$/) || line ~ /(^|[^a-zA-Z0-9_])else *\{$/ )
        complain("{ is not on a line of its own")
    if ( line ~ /\} *else/ )
        complain("} is not on a line of its own")

    if ( brace >= 0 && line !~ /^ *(case .*:|default:|[a-z_]+:|\})/ && indent != brace + 4 )
        complain("not indented by 4")
    # A label is one to the left of what it labels.
    brace = line ~ /^ *\{$/ && line !~ /[,=]/ ? indent : -1

    if ( line ~ /,[^ ]/ && line !~ /,$/ )
        complain("no blank after ,")
    if ( line ~ /[^ ] ;$/ && line !~ /\( ;/ )
        complain("blank before ;")
}

# Are all that open closed, and the first by the last?
function balanced(s,    i, depth, c)
{
    for ( i = 1; i <= length(s); i++ )
    {
        c = substr(s, i, 1)
        if ( c == "(" )
            depth++
        else if ( c == ")" && !--depth && i < length(s) )
            return 0
    }
    return depth == 0
}
