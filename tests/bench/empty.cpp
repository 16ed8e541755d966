// A program that does nothing but load the C++ runtime: what plain CGI is held against.
#include <iostream>

int main()
{
    std::cout << "Content-Type: application/json\r\n\r\n{\"ok\":true}";
}
