# The demo's table as a bar chart (SVG). Input rows: name, accuracy 0..1, bytes, us per image, images/s.
BEGIN {
    titles[2] = "accuracy, %"; titles[3] = "weights, bytes"; titles[4] = "us per image"; titles[5] = "images/s"
}
{
    n++
    name[n] = $1
    value[n, 2] = $2 * 100
    for (c = 3; c <= 5; c++)
        value[n, c] = $c
}
END {
    bar = 22; label = 70; width = 200; panel = label + width + 90; height = 40 + n * (bar + 6)
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"13\">\n", 2 * panel, 2 * height + 10
    printf "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
    for (c = 2; c <= 5; c++) {
        x = (c - 2) % 2 * panel + 10
        y = int((c - 2) / 2) * height + 10
        most = 0
        for (i = 1; i <= n; i++)
            if (value[i, c] > most)
                most = value[i, c]
        printf "<text x=\"%d\" y=\"%d\" font-weight=\"bold\">%s</text>\n", x, y + 14, titles[c]
        for (i = 1; i <= n; i++) {
            top = y + 24 + (i - 1) * (bar + 6)
            length_of = most > 0 ? width * value[i, c] / most : 0
            printf "<text x=\"%d\" y=\"%d\">%s</text>", x, top + 16, name[i]
            printf "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"#4477aa\"/>", x + label, top, length_of, bar
            printf "<text x=\"%.1f\" y=\"%d\">%s</text>\n", x + label + length_of + 6, top + 16, sprintf(c == 2 || c == 4 ? "%.1f" : "%d", value[i, c])
        }
    }
    print "</svg>"
}
